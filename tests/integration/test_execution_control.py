"""Pause, cancel, time limit and shutdown take effect on a real child process, also on one that is deaf."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from api.domain.event import EventType
from api.execution.supervisor import Deadlines, LocalRunner
from api.ports import Control, Ending, Outcome
from api.runtime.choose import current_runtime
from tests.integration.attempts import Core, Start, assignment
from tests.support.waiting import wait_until


def test_pause_and_resume_take_effect_and_say_so(start: Start) -> None:
    """Nothing is reported in between; then the work goes on to its end."""
    running = start("test-steps", {"n": 30, "delay": 0.02})
    running.until(lambda core: core.steps())
    running.control.send("pause")
    running.until(lambda core: core.effects == ["paused"])
    count = len(running.core.drafts)
    running.control.send("pause")
    with pytest.raises(AssertionError):
        wait_until(lambda: len(running.core.drafts) > count, 0.3)
    running.control.send("resume")
    assert running.outcome().ending is Ending.COMPLETED
    assert running.core.effects == ["paused", "running"]


def test_a_task_is_cancelled_at_its_next_checkpoint(start: Start) -> None:
    """Without a signal."""
    running = start("test-steps", {"n": 1000, "delay": 0.02}, deadlines=Deadlines())
    running.until(lambda core: core.lines())
    running.control.send("cancel")
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)
    assert running.core.lines("runcast") == ["cancel: the task has 5 s to stop by itself"]


def test_a_paused_task_can_be_cancelled(start: Start) -> None:
    """It wakes up to stop."""
    running = start("test-steps", {"n": 1000, "delay": 0.02}, deadlines=Deadlines())
    running.control.send("pause")
    running.until(lambda core: core.effects == ["paused"])
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)


def test_a_task_cancelled_before_its_process_starts_needs_none(tmp_path: Path) -> None:
    """Nor does one of a runner that is stopped."""
    control = Control()
    control.send("cancel")
    runner = LocalRunner(current_runtime(), lambda: pytest.fail("a process was started"))
    task = assignment(tmp_path, "test-noop", {})
    assert runner.run(task, Core(), control) == Outcome(Ending.CANCELLED)
    runner.close()
    assert runner.run(task, Core(), Control()).ending is Ending.LOST


@pytest.mark.parametrize("sleep", [False, True])
def test_a_deaf_child_is_killed_and_every_step_is_told(start: Start, sleep: bool) -> None:
    """One that burns CPU, one that sleeps; both ignore checkpoint and SIGTERM."""
    running = start("test-stubborn", {"sleep": sleep})
    running.until(lambda core: "deaf" in core.lines())
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)
    assert running.core.lines("runcast") == [
        "cancel: the task has 0.5 s to stop by itself",
        "the worker process has not ended by itself: SIGTERM to its processes",
        "the worker process has to be killed: SIGKILL to its processes",
    ]
    assert {data["level"] for data in running.core.of(EventType.LOG) if data.get("logger") == "runcast"} == {"warning"}


@pytest.mark.long
def test_a_deaf_child_is_gone_within_fifteen_seconds_by_default(start: Start) -> None:
    """With the deadlines that ship."""
    running = start("test-stubborn", deadlines=Deadlines())
    running.until(lambda core: "deaf" in core.lines())
    began = time.monotonic()
    running.control.send("cancel")
    assert running.outcome(20) == Outcome(Ending.CANCELLED)
    assert time.monotonic() - began < 15
    assert not running.left()


def test_a_stopped_process_is_killed_too(start: Start) -> None:
    """SIGSTOP keeps it from hearing anything else."""
    running = start("test-stubborn")
    running.until(lambda core: "deaf" in core.lines())
    os.kill(running.children[0].pid, signal.SIGSTOP)
    running.control.send("cancel")
    assert running.outcome() == Outcome(Ending.CANCELLED)


def test_a_time_limit_fails_the_task(start: Start) -> None:
    """By the same steps as a cancel."""
    outcome = start("test-burn", {"seconds": 60}, timeout_seconds=0.2).outcome()
    assert outcome == Outcome(Ending.FAILED, error="timed out after 0.2 s")


def test_a_runner_that_stops_loses_its_attempts_fast(start: Start) -> None:
    """The attempt does not count."""
    running = start("test-stubborn", deadlines=Deadlines(shutdown=0.3))
    running.until(lambda core: "deaf" in core.lines())
    began = time.monotonic()
    running.runner.close()
    assert running.outcome().ending is Ending.LOST
    assert time.monotonic() - began < 3


def test_a_shutdown_by_control_does_the_same(start: Start) -> None:
    """A workload that listens is gone at once."""
    running = start("test-steps", {"n": 1000, "delay": 0.02})
    running.until(lambda core: core.steps())
    running.control.send("shutdown")
    assert running.outcome().ending is Ending.LOST
