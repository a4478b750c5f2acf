"""How long a task can be expected to work, by earlier ones like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from api.domain.estimate import RUNS, Basis, Course, Earlier, Run, size_of, worked
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task, applied
from api.domain.workload import Workload
from tests.support.stores import START, a_task

PLAIN = Workload("x", "X", dict, lambda params, ctx: None)
SIZED = replace(PLAIN, size=("n", "file"))
AWAY = replace(PLAIN, external=True)


def test_tasks_of_the_same_params_are_of_one_size() -> None:
    size = size_of(PLAIN, {"n": 1, "seed": 2}, "")
    assert size == size_of(PLAIN, {"seed": 2, "n": 1}, "another name") != ""
    assert size != size_of(PLAIN, {"n": 1, "seed": 3}, "")


def test_a_workload_may_name_the_params_that_decide() -> None:
    size = size_of(SIZED, {"n": 1, "seed": 2}, "")
    assert size == size_of(SIZED, {"n": 1, "seed": 3}, "")
    assert size != size_of(SIZED, {"n": 2, "seed": 2}, "")
    assert size != size_of(SIZED, {"n": 1, "file": "a"}, "")


def test_an_external_task_is_like_those_of_its_name() -> None:
    assert size_of(AWAY, {}, "nightly") == size_of(AWAY, {}, "nightly")
    assert size_of(AWAY, {}, "nightly") != size_of(AWAY, {}, "weekly")
    assert size_of(AWAY, {}, "") == ""


def test_those_of_the_same_size_are_gone_by_and_else_those_of_the_type() -> None:
    earlier = Earlier([Run("a", 1.0), Run("b", 20.0), Run("a", 3.0), Run("", 50.0)])
    assert earlier.like("a") == Course((1.0, 3.0), Basis.SIZE)
    assert earlier.like("c") == Course((1.0, 20.0, 3.0, 50.0), Basis.TYPE)
    assert earlier.like("c", by_type=False) is None


def test_no_size_is_like_no_other_not_even_of_none() -> None:
    assert Earlier([Run("", 1.0)]).like("", by_type=False) is None
    assert Earlier([]).like("a") is None


@pytest.mark.parametrize("size", ["a", "b"])
def test_only_the_latest_are_gone_by(size: str) -> None:
    found = Earlier([Run("a", float(n)) for n in range(2 * RUNS)]).like(size)
    assert found is not None
    assert found.seconds == tuple(float(n) for n in range(RUNS))


def test_the_median_is_expected_of_those_that_took_longer_than_the_task_has() -> None:
    usual = Course((10.0, 60.0, 20.0, 30.0, 1000.0), Basis.SIZE)
    assert [usual.expected(worked) for worked in (0.0, 10.0, 30.0, 60.0)] == [30.0, 45.0, 530.0, 1000.0]
    assert usual.expected(1000.0) is None


# -- working time


def seconds(number: float) -> datetime:
    return START + timedelta(seconds=number)


def passed(task: Task, *changes: tuple[float, str]) -> Task:
    """The task after these changes of status, each so many seconds after START."""
    for at, status in changes:
        data = {"status": status, "error": "no"}
        kind = EventType.ERROR if status == "failed" else EventType.STATUS_CHANGE
        task = applied(task, Event(task.id, task.last_seq + 1, kind, data, seconds(at)))
    return task


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_pauses_and_waiting_are_no_work(end: str) -> None:
    ended = passed(
        a_task(), (5, "running"), (7, "paused"), (100, "running"), (103, "pending"), (200, "running"), (204, end)
    )
    assert (2 + 3 + 4, None) == (ended.worked_seconds, ended.working_since)


def test_a_change_that_leaves_it_running_does_not_start_anew() -> None:
    task = passed(a_task(), (5, "running"), (6, "running"))
    assert task.working_since == seconds(5)
    assert [worked(task, seconds(at)) for at in (5, 9, 1)] == [0.0, 4.0, 0.0]
    assert worked(passed(task, (8, "paused")), seconds(90)) == 3.0


def test_what_is_not_known_stays_so() -> None:
    task = passed(a_task(worked_seconds=None), (5, "running"))
    assert worked(task, seconds(9)) is None
    ended = passed(task, (9, "completed"))
    assert (Status.COMPLETED, None, None) == (ended.status, ended.worked_seconds, ended.working_since)


def test_a_clock_that_was_set_back_takes_no_work_away() -> None:
    assert passed(a_task(), (5, "running"), (3, "completed")).worked_seconds == 0.0
