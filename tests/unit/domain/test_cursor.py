"""The cursor: what is new, what is a duplicate, what betrays a hole, and what to ask for after a loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.cursor import (
    BACKOFF_MOST,
    Cursor,
    Outcome,
    Verdict,
    answered,
    asking,
    backoff,
    end_of,
    interrupted,
    lagged,
    loose,
    received,
    refused,
)

Json = dict[str, Any]


def event(seq: int | None, event_type: str = "log", **data: Any) -> Json:
    envelope = {"task_id": "t", "event_type": event_type, "data": data, "timestamp": "2026-01-01T00:00:00.000000Z"}
    return envelope if seq is None else {**envelope, "seq": seq}


def answer(last_seq: int, *, recovered: bool | None = None, status: str = "running", epoch: str = "e1") -> Json:
    given_back = {"task_id": "t", "epoch": epoch, "last_seq": last_seq, "task": {"status": status}}
    return given_back if recovered is None else {**given_back, "recovered": recovered}


def subscribed(last_seq: int, *, since: int | None = None, status: str = "running") -> Cursor:
    """A cursor whose `subscribe` has been answered."""
    recovered = None if since is None else True
    cursor, _ = answered(asking(Cursor("t", since)), answer(last_seq, recovered=recovered, status=status))
    return cursor


def feed(cursor: Cursor, *seqs: int) -> tuple[Cursor, list[int]]:
    """The seqs that are delivered of these."""
    delivered = []
    for seq in seqs:
        cursor, verdict = received(cursor, event(seq))
        if verdict is Verdict.DELIVER:
            delivered.append(seq)
    return cursor, delivered


def test_the_first_request_names_only_the_task() -> None:
    assert {"task_id": "t"} == Cursor("t").request()


def test_a_request_from_a_number_names_it() -> None:
    assert {"task_id": "t", "since": 0} == Cursor("t", 0).request()


def test_after_an_answer_the_request_names_place_and_epoch() -> None:
    cursor, _ = feed(subscribed(3), 4, 5)
    assert {"task_id": "t", "since": 5, "epoch": "e1"} == cursor.request()


def test_without_since_stored_events_are_delivered_and_live_goes_on_after_last_seq() -> None:
    """The latest status (2) and progress (5) of seven stored events, then 8."""
    cursor, delivered = feed(subscribed(7), 2, 5, 8, 9)
    assert [2, 5, 8, 9] == delivered
    assert 9 == cursor.last_seq


def test_a_stored_event_is_delivered_once() -> None:
    _, delivered = feed(subscribed(7), 2, 2, 5, 2, 5)
    assert [2, 5] == delivered


def test_stored_events_are_over_when_live_ones_begin() -> None:
    _, delivered = feed(subscribed(7), 2, 8, 5)
    assert [2, 8] == delivered


def test_with_since_only_what_follows_it_is_delivered() -> None:
    _, delivered = feed(subscribed(7, since=5), 4, 5, 6, 7, 8)
    assert [6, 7, 8] == delivered


def test_duplicates_are_dropped() -> None:
    _, delivered = feed(subscribed(0, since=0), 1, 2, 2, 1, 3, 3)
    assert [1, 2, 3] == delivered


def test_a_hole_is_asked_for_and_what_came_after_it_is_dropped_until_the_answer() -> None:
    cursor, _ = feed(subscribed(0, since=0), 1, 2)
    cursor, verdict = received(cursor, event(4))
    assert Verdict.ASK_AGAIN is verdict
    cursor = asking(cursor)
    cursor, delivered = feed(cursor, 5, 6)
    assert [] == delivered
    cursor, _ = answered(cursor, answer(6, recovered=True))
    assert [3, 4, 5, 6] == feed(cursor, 3, 4, 5, 6)[1]


def test_the_same_hole_a_second_time_is_accepted() -> None:
    """A server that cannot fill it would else be asked for ever."""
    cursor, _ = received(feed(subscribed(0, since=0), 1)[0], event(3))
    cursor, _ = answered(asking(cursor), answer(4, recovered=True))
    assert [3, 4] == feed(cursor, 3, 4)[1]


def test_an_announced_hole_is_accepted() -> None:
    cursor = lagged(feed(subscribed(0, since=0), 1)[0], 2, 9)
    assert [4, 7, 10] == feed(cursor, 4, 7, 10)[1]


def test_a_hole_after_the_announced_one_is_not() -> None:
    cursor, _ = feed(lagged(subscribed(0, since=0), 1, 5), 3, 6)
    assert Verdict.ASK_AGAIN is received(cursor, event(8))[1]


def test_a_hole_before_the_announced_one_is_not() -> None:
    cursor = lagged(feed(subscribed(0, since=0), 1)[0], 5, 9)
    assert Verdict.ASK_AGAIN is received(cursor, event(10))[1]
    assert [2, 3, 4, 10] == feed(cursor, 2, 3, 4, 10)[1]


@pytest.mark.parametrize("ranges", [[(2, 6), (7, 9)], [(7, 9), (2, 6)], [(2, 7), (5, 9)], [(2, 9), (3, 4)]])
def test_several_announced_holes_in_a_row_are_one(ranges: list[tuple[int, int]]) -> None:
    cursor, _ = feed(subscribed(0, since=0), 1)
    for first, last in ranges:
        cursor = lagged(cursor, first, last)
    assert [10, 11] == feed(cursor, 10, 11)[1]
    assert Verdict.ASK_AGAIN is received(cursor, event(11))[1]


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


def test_only_the_last_answer_counts_when_several_are_outstanding() -> None:
    cursor = asking(asking(Cursor("t", 5)))
    cursor, outcome = answered(cursor, answer(3))
    assert (Outcome.GOES_ON, []) == (outcome, feed(cursor, 6)[1])
    cursor, _ = answered(cursor, answer(7, recovered=True))
    assert [6, 7] == feed(cursor, 6, 7)[1]


def test_a_refused_request_gives_no_answer_to_wait_for() -> None:
    cursor = refused(asking(subscribed(4)))
    assert [5] == feed(cursor, 5)[1]


def test_answers_of_a_lost_connection_are_not_waited_for() -> None:
    cursor = asking(interrupted(asking(asking(Cursor("t")))))
    cursor, _ = answered(cursor, answer(3))
    assert [3, 4] == feed(cursor, 3, 4)[1]


def test_an_end_at_the_place_to_begin_is_asked_for() -> None:
    """Whoever begins at `since` = the end still learns it."""
    cursor, outcome = answered(asking(Cursor("t", 5)), answer(5, recovered=True, status="completed"))
    assert Outcome.ASK_AGAIN is outcome
    assert {"task_id": "t"} == cursor.request()
    cursor, _ = answered(asking(cursor), answer(5, status="completed"))
    cursor, delivered = feed(cursor, 4)
    assert [] == delivered
    cursor, verdict = received(cursor, event(5, "status_change", status="completed"))
    assert (Verdict.DELIVER, "completed") == (verdict, cursor.ended)


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


def test_nothing_is_delivered_after_the_end() -> None:
    cursor, _ = received(subscribed(0, since=0), event(1, "error", error="boom", status="failed"))
    assert "failed" == cursor.ended
    assert [] == feed(cursor, 2, 3)[1]


def test_an_event_without_a_number_is_always_new() -> None:
    cursor = subscribed(3)
    assert Verdict.DELIVER is received(cursor, event(None))[1]
    assert cursor == received(cursor, event(None))[0]


def test_events_before_the_first_answer_are_stale() -> None:
    assert Verdict.DROP is received(asking(Cursor("t")), event(1))[1]


def test_a_loose_cursor_accepts_holes_and_drops_what_is_not_newer() -> None:
    assert [3, 9] == feed(loose("t"), 3, 3, 9, 4)[1]


@pytest.mark.parametrize(
    ("envelope", "status"),
    [
        (event(1, "status_change", status="completed"), "completed"),
        (event(1, "status_change", status="cancelled"), "cancelled"),
        (event(1, "error", error="boom"), "failed"),
        (event(1, "status_change", status="running"), None),
        (event(1, "status_change", status="pending", error="boom"), None),
        (event(1, "progress", progress_percent=100), None),
        ({"event_type": "status_change"}, None),
        ({}, None),
    ],
)
def test_the_end_of_a_task_is_recognised(envelope: Json, status: str | None) -> None:
    assert status == end_of(envelope)


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


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_bounded(attempt: int, chance: float) -> None:
    assert 0.25 <= backoff(attempt, chance) <= BACKOFF_MOST


def test_waits_double_until_the_longest() -> None:
    assert [0.25, 0.5, 1.0, 2.0, 4.0, 7.5, 7.5] == [backoff(attempt, 0.0) for attempt in range(7)]


def test_clients_that_were_lost_together_come_back_apart() -> None:
    assert backoff(3, 0.0) < backoff(3, 0.5) < backoff(3, 0.99)
