"""Progress as fast as it comes: thinned out before it is committed, its last report never lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from api.delivery.devices.pace import Pace
from api.errors import Conflict, NotFound, RuncastError, Unavailable
from tests.unit.delivery.world import ManualRuntime, Parked

DONE = ("status_change", {"status": "completed"})


def progress(percent: int) -> Any:
    return "progress", {"progress_percent": percent}


class Scene:
    def __init__(self) -> None:
        self.committed: list[Any] = []
        self.refused: list[tuple[int, str]] = []
        self.error: Exception | None = None
        self.runtime = ManualRuntime()
        self.pace = Pace(self.runtime, self.commit, lambda number, error: self.refused.append((number, error.code)))

    def commit(self, number: int, sent: Sequence[Any]) -> str:
        if self.error is not None:
            raise self.error
        self.committed += [(number, data.get("progress_percent", "end")) for _, data in sent]
        return f"task-{number}"

    def let_100_ms_pass(self) -> None:
        turns, self.runtime.spawned = self.runtime.spawned, []
        for function, args in turns:
            slept: list[float] = []

            def sleep(seconds: float, slept: list[float] = slept) -> None:
                if slept:
                    raise Parked
                slept.append(seconds)

            self.runtime.sleep = sleep
            try:
                function(*args)
            except Parked:
                self.runtime.spawned.append((function, args))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_first_report_goes_at_once_and_the_latest_of_the_others_after_100_ms(scene: Scene) -> None:
    assert ["task-1"] * 5 == [scene.pace.progress(1, progress(percent)) for percent in range(5)]
    scene.pace.progress(2, progress(9))
    assert [(1, 0), (2, 9)] == scene.committed
    scene.let_100_ms_pass()
    assert (1, 4) == scene.committed[-1]
    scene.let_100_ms_pass()
    assert [] == scene.runtime.spawned, "a quiet task needs no thread"
    scene.pace.progress(1, progress(5))
    assert (1, 5) == scene.committed[-1]


def test_the_last_word_takes_along_what_waits(scene: Scene) -> None:
    for percent in (1, 2, 3):
        scene.pace.progress(1, progress(percent))
    scene.pace.end(1, DONE)
    scene.let_100_ms_pass()
    assert [(1, 1), (1, 3), (1, "end")] == scene.committed
    assert [] == scene.runtime.spawned


def test_a_task_that_begins_anew_under_the_same_number_has_a_pace_of_its_own(scene: Scene) -> None:
    scene.pace.progress(1, progress(1))
    scene.pace.end(1, DONE)
    scene.pace.progress(1, progress(2))
    scene.pace.progress(1, progress(3))
    scene.let_100_ms_pass()
    assert [(1, 1), (1, "end"), (1, 2), (1, 3)] == scene.committed


def test_what_is_refused_at_once_is_raised_and_what_waited_is_told(scene: Scene) -> None:
    scene.error = NotFound()
    with pytest.raises(RuncastError):
        scene.pace.progress(1, progress(1))
    scene.error = None
    scene.pace.progress(1, progress(1))
    scene.pace.progress(1, progress(2))
    scene.error = Conflict()
    scene.let_100_ms_pass()
    assert [(1, "conflict")] == scene.refused


def test_while_the_journal_is_away_the_latest_report_waits(scene: Scene) -> None:
    scene.pace.progress(1, progress(1))
    scene.pace.progress(1, progress(2))
    scene.error = Unavailable()
    scene.let_100_ms_pass()
    scene.let_100_ms_pass()
    scene.error = None
    scene.let_100_ms_pass()
    assert [(1, 1), (1, 2)] == scene.committed
    assert [] == scene.refused


def test_a_bug_does_not_hold_up_what_comes_after_it(scene: Scene) -> None:
    scene.pace.progress(1, progress(1))
    scene.pace.progress(1, progress(2))
    scene.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        scene.let_100_ms_pass()
    scene.error = None
    scene.pace.progress(1, progress(3))
    assert [(1, 1), (1, 3)] == scene.committed
