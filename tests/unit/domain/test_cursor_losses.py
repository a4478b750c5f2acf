"""The cursor after a lost connection or lost history: what it asks for, and what still counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.domain.cursor import Cursor, Outcome, Verdict, answered, asking, interrupted, lagged, received
from tests.unit.domain.envelopes import Json, answer, event, feed, subscribed


def test_an_announced_hole_is_forgotten_with_its_connection() -> None:
    """What the next one skips is announced on it."""
    cursor, _ = feed(lagged(feed(subscribed(0, since=0), 1)[0], 2, 9), 4)
    cursor = interrupted(cursor)
    assert {"task_id": "t", "since": 4, "epoch": "e1"} == cursor.request()
    cursor, _ = answered(asking(cursor), answer(9, recovered=True))
    assert Verdict.ASK_AGAIN is received(cursor, event(7))[1]
    assert [5, 6, 7] == feed(cursor, 5, 6, 7)[1]


def test_an_announced_hole_is_forgotten_with_a_new_run() -> None:
    cursor = lagged(feed(subscribed(0, since=0), 1)[0], 2, 60)
    cursor, _ = answered(cursor, answer(40, recovered=False))
    assert Verdict.ASK_AGAIN is received(cursor, event(50))[1]


def test_lost_history_is_told_and_the_latest_state_delivered() -> None:
    cursor, _ = feed(subscribed(0, since=0), 1, 2, 3)
    cursor, outcome = answered(asking(interrupted(cursor)), answer(2, recovered=False, epoch="e2"))
    assert Outcome.HISTORY_LOST is outcome
    assert [1, 2, 3] == feed(cursor, 1, 2, 3)[1]
    assert "e2" == cursor.epoch


def test_resuming_is_no_lost_history() -> None:
    cursor, _ = feed(subscribed(0, since=0), 1)
    cursor, outcome = answered(asking(interrupted(cursor)), answer(4, recovered=True))
    assert Outcome.GOES_ON is outcome
    assert [2, 3, 4] == feed(cursor, 1, 2, 3, 4)[1]


def test_answers_of_a_lost_connection_are_not_waited_for() -> None:
    cursor = asking(interrupted(asking(asking(Cursor("t")))))
    cursor, _ = answered(cursor, answer(3))
    assert [3, 4] == feed(cursor, 3, 4)[1]


def test_an_end_that_was_stored_and_never_delivered_is_asked_for() -> None:
    """The connection broke between `subscribed` and the stored terminal event."""
    cursor = interrupted(subscribed(5, status="completed"))
    cursor, outcome = answered(asking(cursor), answer(5, status="completed"))
    assert Outcome.GOES_ON is outcome
    cursor, verdict = received(cursor, event(5, "status_change", status="completed"))
    assert (Verdict.DELIVER, "completed") == (verdict, cursor.ended)


def test_the_latest_state_is_asked_for_again_when_the_connection_broke_before_it_was_sure_to_have_come() -> None:
    """Status (2) came and progress (5) did not; meanwhile 8 and 9 happened."""
    cursor, _ = feed(subscribed(7), 2)
    cursor = interrupted(cursor)
    assert {"task_id": "t"} == cursor.request()
    cursor, outcome = answered(asking(cursor), answer(9))
    assert Outcome.ASK_AGAIN is outcome
    assert {"task_id": "t", "since": 7, "epoch": "e1"} == cursor.request()
    cursor, delivered = feed(asking(cursor), 2, 5, 9)
    assert [5] == delivered
    cursor, outcome = answered(cursor, answer(9, recovered=True))
    assert (Outcome.GOES_ON, [8, 9]) == (outcome, feed(cursor, 8, 9)[1])


def test_after_a_live_event_the_latest_state_is_history() -> None:
    cursor, _ = feed(subscribed(7), 2, 5, 8)
    assert {"task_id": "t", "since": 8, "epoch": "e1"} == interrupted(cursor).request()


def test_another_journal_while_the_latest_state_was_on_its_way_is_lost_history() -> None:
    cursor = interrupted(subscribed(7))
    cursor, outcome = answered(asking(cursor), answer(3, epoch="e2"))
    assert (Outcome.HISTORY_LOST, [2, 4]) == (outcome, feed(cursor, 2, 4)[1])


def test_a_reset_that_nobody_asked_for_starts_a_new_run() -> None:
    """History was trimmed under a slow reader: the latest state, then live."""
    cursor, _ = feed(subscribed(0, since=0), 1, 2, 3)
    cursor, outcome = answered(cursor, answer(40, recovered=False))
    assert Outcome.HISTORY_LOST is outcome
    assert [12, 38, 41, 42] == feed(cursor, 12, 38, 41, 42)[1]
    assert {"task_id": "t", "since": 42, "epoch": "e1"} == feed(cursor, 41, 42)[0].request()


def test_a_hole_after_an_unasked_reset_is_asked_for() -> None:
    cursor, _ = answered(feed(subscribed(0, since=0), 1)[0], answer(40, recovered=False))
    assert Verdict.ASK_AGAIN is received(cursor, event(42))[1]


class _Server:
    """A journal and one connection to it, as the contract promises them."""

    def __init__(self) -> None:
        self.stored = 0
        self.wire: list[tuple[str, Json]] = []

    def append(self, *, reaches: bool) -> None:
        self.stored += 1
        if reaches:
            self.wire.append(("task_update", event(self.stored)))

    def subscribe(self, request: Json) -> None:
        since = request["since"]
        self.wire.append(("subscribed", answer(self.stored, recovered=True)))
        self.wire += [("task_update", event(seq)) for seq in range(since + 1, self.stored + 1)]

    def cut(self) -> None:
        self.wire.clear()


STEPS = st.lists(st.sampled_from(["append", "lose", "hear", "hear", "repeat", "cut"]), max_size=60)


@given(STEPS)
def test_whatever_the_network_does_each_event_is_delivered_once_and_in_order(steps: list[str]) -> None:
    """Events get lost, are repeated, and the connection breaks, at any moment."""
    server, cursor, delivered = _Server(), asking(Cursor("t", 0)), []
    server.subscribe(cursor.request())

    def hear() -> None:
        nonlocal cursor
        kind, message = server.wire.pop(0)
        if kind == "subscribed":
            cursor, _ = answered(cursor, message)
            return
        cursor, verdict = received(cursor, message)
        if verdict is Verdict.DELIVER:
            delivered.append(message["seq"])
        if verdict is Verdict.ASK_AGAIN:
            server.subscribe(cursor.request())
            cursor = asking(cursor)

    def reconnect() -> None:
        nonlocal cursor
        server.cut()
        cursor = interrupted(cursor)
        server.subscribe(cursor.request())
        cursor = asking(cursor)

    for step in steps:
        if step in ("append", "lose"):
            server.append(reaches=step == "append")
        elif step == "cut":
            reconnect()
        elif step == "repeat" and server.wire and server.wire[0][0] == "task_update":
            server.wire.insert(0, server.wire[0])
        elif server.wire:
            hear()
    reconnect()
    while server.wire:
        hear()
    assert list(range(1, server.stored + 1)) == delivered
