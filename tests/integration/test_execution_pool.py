"""Workers that have one task after the other: none notices the one before, and none suffers for a dead one."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.domain.event import EventType
from api.execution.pool import FIRST_DELAY, IDLE_SECONDS, Care, Pool
from api.execution.process import ChildProcess
from api.execution.remains import remains
from api.execution.spawn import spawn_worker
from api.execution.supervisor import LocalRunner
from api.ports import Control, Ending, Outcome
from api.runtime.choose import current_runtime
from tests.integration.attempts import SHORT, Core, assignment
from tests.support.processes import gone
from tests.support.waiting import wait_until

MANY = Care(tasks=100, memory=2**40)


class Workers:
    """A runner with a pool, and everything that it has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.children: list[ChildProcess] = []
        self.runner = LocalRunner(current_runtime(), self.spawn, deadlines=SHORT, care=MANY)
        self.core = Core()

    def with_care(self, care: Care) -> Workers:
        self.runner = LocalRunner(current_runtime(), self.spawn, deadlines=SHORT, care=care)
        return self

    def spawn(self) -> ChildProcess:
        self.children.append(spawn_worker(current_runtime().selector))
        return self.children[-1]

    def run(self, kind: str, params: dict[str, Any] | None = None, **options: Any) -> Outcome:
        self.core = Core()
        task = assignment(self.folder, kind, params or {}, **options)
        return self.runner.run(task, self.core, Control())

    def completed(self, kind: str, params: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        outcome = self.run(kind, params, **options)
        assert outcome.ending is Ending.COMPLETED, outcome
        return dict(outcome.result or {})

    def living(self) -> int:
        return sum(bool(remains(child.pid, child.mark)) for child in self.children)


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    made = Workers(tmp_path)
    yield made
    made.runner.close()
    for child in made.children:
        wait_until(lambda child=child: not remains(child.pid, child.mark))  # type: ignore[misc]


def look(workers: Workers) -> dict[str, Any]:
    return workers.completed("test-look")


def test_a_worker_has_one_task_after_the_other_until_it_has_had_enough(workers: Workers) -> None:
    """Each with an own course of progress and an own folder."""
    workers.with_care(Care(tasks=3, memory=2**40))
    pids = []
    for _ in range(4):
        assert workers.run("test-steps", {"n": 2}).ending is Ending.COMPLETED
        assert [1, 2] == workers.core.steps()
        pids.append(workers.children[-1].pid)
    assert (pids[0], 2) == (pids[1], len(workers.children))
    assert pids[2] == pids[0] != pids[3]


CLEAN = {
    "folder": True,
    "environment": [None, True],
    "lists": [False, False],
    "signal": str(signal.Handlers.SIG_DFL),
    "seed": False,
    "restored": False,
    "files": [],
}


@pytest.mark.parametrize(
    "kind", ["folder", "environment", "lists", "signal", "logging", "umask", "seed", "file"]
)  # fmt: skip
def test_what_can_be_put_back_is_put_back(workers: Workers, kind: str) -> None:
    before = look(workers)
    left = workers.completed("test-litter", {"kind": kind})
    after = look(workers)
    assert left["pid"] == after["pid"]
    assert CLEAN | {"pid": after["pid"], "umask": before["umask"]} == after
    assert ["seen"] == workers.core.lines("look")
    assert ["printed"] == workers.core.lines("stdout")


@pytest.mark.parametrize("kind", ["thread", "process", "daemon", "stdout"])
def test_a_worker_with_what_cannot_be_put_back_ends_with_it(workers: Workers, kind: str) -> None:
    left = workers.completed("test-litter", {"kind": kind})
    assert 0 == workers.living()
    if kind in ("process", "daemon"):
        [pid] = [line.removeprefix("pids ") for line in workers.core.lines() if line.startswith("pids ")]
        assert [True] == [f"({pid})" in line for line in workers.core.lines("runcast")]
        assert gone(int(pid))
    after = look(workers)
    assert left["pid"] != after["pid"]
    assert ["printed", "seen"] == sorted(workers.core.lines())
    assert 1 == workers.living()


@pytest.mark.parametrize(
    ("kind", "params"), [("test-raise", {}), ("test-exit", {}), ("test-segfault", {}), ("test-kill", {})]
)
def test_the_failure_of_one_task_is_not_the_next_ones(workers: Workers, kind: str, params: dict[str, Any]) -> None:
    first = look(workers)
    assert workers.run(kind, params).ending is Ending.FAILED
    assert first["pid"] != look(workers)["pid"]
    assert 1 == workers.living()


def test_a_worker_that_has_grown_too_large_is_not_used_again(workers: Workers) -> None:
    workers.with_care(Care(tasks=100, memory=1))
    assert look(workers)["pid"] != look(workers)["pid"]


def test_what_was_asked_too_late_does_not_reach_the_next_task(workers: Workers) -> None:
    look(workers)
    for command in ("cancel", "pause", "shutdown"):
        workers.children[0].send({"do": command})
    assert workers.children[0].pid == look(workers)["pid"]


def test_a_worker_that_died_while_it_waited_is_no_tasks_fault(workers: Workers) -> None:
    pid = look(workers)["pid"]
    os.kill(pid, signal.SIGKILL)
    assert pid != look(workers)["pid"]


def test_nor_is_one_that_dies_with_the_assignment_in_its_hands(workers: Workers) -> None:
    pid = look(workers)["pid"]
    os.kill(pid, signal.SIGSTOP)  # it hears nothing any more, and lives
    child, send = workers.children[0], workers.children[0].send

    def sent_too_late(message: dict[str, Any]) -> None:
        send(message)
        os.kill(pid, signal.SIGKILL)

    child.send = sent_too_late  # type: ignore[method-assign]
    assert pid != look(workers)["pid"]
    assert 2 == len(workers.children)


def test_random_numbers_do_not_repeat_from_task_to_task(workers: Workers) -> None:
    workers.completed("test-litter", {"kind": "seed"})
    workers.completed("test-noop")
    workers.completed("test-litter", {"kind": "seed"})
    assert not look(workers)["seed"]
    assert random.Random(1).random() == random.Random(1).random()


# -- what a task may take -------------------------------------------------------------------------------


def test_memory_beyond_the_limit_fails_the_task_alone(workers: Workers) -> None:
    fits = workers.completed("test-take", {"memory_mb": 20}, memory_bytes=100 * 2**20)
    outcome = workers.run("test-take", {"memory_mb": 400}, memory_bytes=100 * 2**20)
    assert (Ending.FAILED, "the workload ran out of memory (MemoryError)") == (outcome.ending, outcome.error)
    assert 400 * 2**20 == workers.completed("test-take", {"memory_mb": 400})["bytes"]
    assert fits["bytes"] == 20 * 2**20


def test_a_limit_of_one_task_is_none_of_the_next(workers: Workers) -> None:
    first = workers.completed("test-take", memory_bytes=50 * 2**20, open_files=40)
    second = workers.completed("test-take", {"memory_mb": 200, "files": 100})
    assert first["pid"] == second["pid"]


def test_open_files_beyond_the_limit_fail_the_task(workers: Workers) -> None:
    assert 10 == workers.completed("test-take", {"files": 10}, open_files=50)["files"]
    outcome = workers.run("test-take", {"files": 100}, open_files=50)
    assert outcome.error.startswith("the workload raised OSError: [Errno 24] Too many open files"), outcome


def test_a_log_beyond_its_limit_is_left_out_and_counted(workers: Workers) -> None:
    workers.completed("test-take", {"lines": 100}, output_bytes=50)
    assert [f"line {n:04}" for n in range(5)] == workers.core.lines("stdout")
    assert [
        "the log has reached its limit of 50 bytes: the rest is left out",
        "95 lines of the log were left out",
    ] == workers.core.lines("runcast")
    workers.completed("test-take", {"lines": 5}, output_bytes=50)
    assert ([], 5) == (workers.core.lines("runcast"), len(workers.core.of(EventType.LOG)))


# -- ahead -------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def tend_until(pool: Pool, clock: Clock, condition: Any) -> None:
    def tended() -> object:
        clock.now += 0.6
        pool.tend()
        return condition()

    wait_until(tended, 20)


def test_workers_are_started_ahead_and_not_kept_for_long(workers: Workers) -> None:
    clock = Clock()
    care = Care(ahead=2, tasks=100, memory=2**40, types=("test-noop", "no-such-type"))
    pool = Pool(workers.spawn, current_runtime(), care, clock=clock)
    tend_until(pool, clock, lambda: len(pool._idle) == 2)
    assert 2 == len(workers.children)
    taken = [pool.take() for _ in range(3)]
    assert [True, True, False] == [child.waited for child in taken]
    for child in taken:
        pool.give_back(child)
    pool.tend()
    assert 3 == len(pool._idle)
    clock.now += IDLE_SECONDS + 1
    pool.tend()
    wait_until(lambda: workers.living() == 2)
    pool.close()
    wait_until(lambda: workers.living() == 0)


def test_one_worker_waits_beside_those_that_fill_the_slots_and_come_back(workers: Workers) -> None:
    clock = Clock()
    pool = Pool(workers.spawn, current_runtime(), Care(ahead=2, slots=3, tasks=2, memory=2**40), clock=clock)
    tend_until(pool, clock, lambda: len(pool._idle) == 2)
    first, second = pool.take(), pool.take()
    tend_until(pool, clock, lambda: len(pool._idle) == 1)  # for the third slot
    third = pool.take()
    tend_until(pool, clock, lambda: len(pool._idle) == 1)
    for _ in range(3):
        clock.now += 1
        pool.tend()
    assert 4 == len(workers.children)
    pool.give_back(first)
    assert first is pool.take()  # for its last task: in its place another one will be needed
    pool.give_back(first)
    tend_until(pool, clock, lambda: len(pool._idle) == 2)
    pool.give_back(second)
    pool.give_back(third, idle=False)
    assert {first, third} == set(workers.children) - {each.child for each in pool._idle}
    third.close()
    pool.close()


def test_workers_that_die_of_what_they_import_are_not_started_again_and_again(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And tasks of other types run all the same."""
    monkeypatch.setenv("TEST_DIES_OF_IMPORT", "1")
    clock = Clock()
    care = Care(ahead=1, tasks=100, memory=2**40, types=("test-litter",))
    pool = Pool(workers.spawn, current_runtime(), care, clock=clock)
    pool.tend()
    wait_until(lambda: workers.children[0].exited)
    clock.now += 1
    pool.tend()  # finds it dead
    clock.now += FIRST_DELAY - 0.1
    pool.tend()
    assert 1 == len(workers.children)
    clock.now += 0.6
    pool.tend()
    assert 2 == len(workers.children)
    wait_until(lambda: workers.children[1].exited)
    clock.now += 1
    pool.tend()
    clock.now += 2 * FIRST_DELAY - 0.1
    pool.tend()
    assert 2 == len(workers.children)
    assert workers.completed("test-noop") == {}
    pool.close()
