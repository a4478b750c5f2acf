"""The cursor: what is new, what is a duplicate, what betrays a hole, and what is the end."""

from __future__ import annotations

import pytest

from api.domain.cursor import Cursor, Outcome, Verdict, answered, asking, end_of, lagged, loose, received, refused
from tests.unit.domain.envelopes import Json, answer, event, feed, subscribed


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


def test_only_the_last_answer_counts_when_several_are_outstanding() -> None:
    cursor = asking(asking(Cursor("t", 5)))
    cursor, outcome = answered(cursor, answer(3))
    assert (Outcome.GOES_ON, []) == (outcome, feed(cursor, 6)[1])
    cursor, _ = answered(cursor, answer(7, recovered=True))
    assert [6, 7] == feed(cursor, 6, 7)[1]


def test_a_refused_request_gives_no_answer_to_wait_for() -> None:
    cursor = refused(asking(subscribed(4)))
    assert [5] == feed(cursor, 5)[1]


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
