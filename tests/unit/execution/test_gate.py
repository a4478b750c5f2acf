"""Pause, resume and stop at checkpoints."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from api.errors import TaskCancelled, TaskPaused
from api.execution.gate import Gate
from tests.support.waiting import wait_until


class Worker:
    """A thread that goes through one checkpoint."""

    def __init__(self, gate: Gate) -> None:
        self.outcome = ""
        self._thread = threading.Thread(target=self._work, args=(gate,))
        self._thread.start()

    def _work(self, gate: Gate) -> None:
        try:
            gate.checkpoint()
            self.outcome = "went on"
        except TaskCancelled:
            self.outcome = "stopped"

    def join(self) -> str:
        self._thread.join(5)
        return self.outcome


def test_who_can_leave_does_so_for_good_when_paused(said: list[str]) -> None:
    gate = Gate(said.append)
    gate.can_leave = True
    gate.ask("pause")
    for later in ("resume", "pause", "resume"):
        with pytest.raises(TaskPaused):
            gate.checkpoint()
        gate.ask(later)
    gate.ask("cancel")
    with pytest.raises(TaskCancelled) as stopped:
        gate.checkpoint()
    assert (False, True, True) == (isinstance(stopped.value, TaskPaused), gate.left, gate.stopped)
    assert ["paused"] == said


@pytest.fixture
def said() -> list[str]:
    """What the gate has acknowledged."""
    return []


@pytest.fixture
def gate(said: list[str]) -> Gate:
    return Gate(said.append)


def paused(gate: Gate, said: list[str]) -> Worker:
    gate.ask("pause")
    worker = Worker(gate)
    wait_until(lambda: said[-1:] == ["paused"])
    return worker


def test_a_checkpoint_without_a_command_says_nothing(gate: Gate, said: list[str]) -> None:
    """It returns at once."""
    gate.checkpoint()
    assert said == []


def test_a_pause_lasts_until_resume_and_both_are_acknowledged(gate: Gate, said: list[str]) -> None:
    """Each once, though the commands come twice."""
    worker = paused(gate, said)
    gate.ask("pause")
    gate.ask("resume")
    gate.ask("resume")
    assert worker.join() == "went on"
    gate.checkpoint()
    assert said == ["paused", "running"]


@pytest.mark.parametrize("command", ["cancel", "shutdown"])
def test_a_stop_ends_a_pause(gate: Gate, said: list[str], command: str) -> None:
    """And tells that it did."""
    worker = paused(gate, said)
    gate.ask(command)
    assert worker.join() == "stopped"
    assert gate.stopped


def test_a_stop_is_for_good(gate: Gate) -> None:
    """A workload that swallows it meets it again at the next checkpoint; resume does not help."""
    gate.ask("cancel")
    gate.ask("resume")
    assert not gate.stopped
    for _ in range(2):
        with pytest.raises(TaskCancelled):
            gate.checkpoint()
    assert gate.stopped


def test_a_pause_that_was_taken_back_in_time_is_answered(gate: Gate, said: list[str]) -> None:
    """It never took effect; who asked to resume hears `running` all the same."""
    gate.ask("pause")
    gate.ask("resume")
    gate.checkpoint()
    assert said == ["running"]


def test_every_thread_pauses_and_one_of_them_says_so(gate: Gate, said: list[str]) -> None:
    """Checkpoints may be in any thread of a workload."""
    workers = [paused(gate, said), Worker(gate), Worker(gate)]
    gate.ask("resume")
    assert [worker.join() for worker in workers] == ["went on"] * 3
    assert said == ["paused", "running"]


def test_the_length_of_a_pause_is_told() -> None:
    """For the estimate of the time that is left."""
    times = iter([100.0, 107.5])
    pauses: list[float] = []
    heard = threading.Event()
    answer: Callable[[str], None] = lambda effect: heard.set()  # noqa: E731 - one line reads better
    gate = Gate(answer, pauses.append, clock=lambda: next(times))
    gate.ask("pause")
    worker = Worker(gate)
    assert heard.wait(5)
    gate.ask("resume")
    worker.join()
    assert pauses == [7.5]
