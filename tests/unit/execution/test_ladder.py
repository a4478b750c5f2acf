"""The way to stop a child, step by step, with the time coming from the test."""

from __future__ import annotations

from api.execution.ladder import Deadlines, Ladder, Step, TimeLimit, at_once, departing, gentle, hasty

DEADLINES = Deadlines(cooperative=5, terminate=3, kill=2, exit=4, shutdown=1)


def test_a_cancel_asks_then_terminates_then_kills() -> None:
    """Each step once, at its time."""
    ladder = Ladder()
    assert ladder.next is None
    ladder.begin(gentle(DEADLINES), 100)
    assert ladder.climb(100) == [Step.ASK]
    assert ladder.climb(104.9) == []
    assert ladder.next == 105
    assert ladder.climb(105) == [Step.TERMINATE]
    assert ladder.climb(108) == [Step.KILL]
    assert ladder.climb(110) == [Step.GIVE_UP]
    assert ladder.next is None


def test_a_late_look_takes_the_missed_steps_in_order() -> None:
    """The machine may have been suspended."""
    ladder = Ladder()
    ladder.begin(gentle(DEADLINES), 100)
    assert ladder.climb(1000) == [Step.ASK, Step.TERMINATE, Step.KILL, Step.GIVE_UP]


def test_a_shutdown_makes_a_cancel_faster_and_never_slower() -> None:
    """What was done is not done again."""
    ladder = Ladder()
    ladder.begin(gentle(DEADLINES), 100)
    ladder.climb(100)
    ladder.begin(hasty(DEADLINES), 101)
    assert ladder.climb(102) == [Step.TERMINATE]
    ladder.begin(gentle(DEADLINES), 102)
    assert ladder.climb(103) == [Step.KILL]


def test_a_child_that_has_said_its_end_is_not_asked_any_more() -> None:
    """It only has to go."""
    ladder = Ladder()
    ladder.begin(departing(DEADLINES), 100)
    assert ladder.climb(103.9) == []
    assert ladder.climb(104) == [Step.TERMINATE]


def test_a_child_that_talks_rubbish_is_killed_at_once() -> None:
    """It would not understand anything else."""
    ladder = Ladder()
    ladder.begin(at_once(DEADLINES), 100)
    assert ladder.climb(100) == [Step.KILL]


def test_by_default_a_child_is_gone_within_fifteen_seconds() -> None:
    """Whatever it does: the sum of the longest way, the look for its children included."""
    deadlines = Deadlines()
    for plan in (gentle, hasty, departing):
        assert plan(deadlines)[Step.GIVE_UP] + 1 <= 15


def test_a_time_limit_does_not_run_while_paused() -> None:
    """10 s of work, 4 of them before the pause."""
    limit = TimeLimit(10, 100)
    assert limit.due == 110
    limit.pause(104)
    assert limit.due is None
    limit.pause(110)
    limit.resume(200)
    limit.resume(201)
    assert limit.due == 206
    limit.lift()
    assert limit.due is None


def test_without_a_limit_nothing_is_due() -> None:
    """Paused and resumed or not."""
    limit = TimeLimit(None, 100)
    limit.pause(101)
    limit.resume(102)
    assert limit.due is None
