"""However a real child process fails, it is told in one clear sentence."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from api.execution.supervisor import Deadlines, LocalRunner
from api.ports import Control, Ending, Outcome
from api.runtime.choose import current_runtime
from tests.integration.attempts import Core, Start, assignment

FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("test-raise", {}, "the workload raised ValueError: no such luck"),
    ("test-raise", {"kind": "InvalidInput"}, "no such luck"),
    ("test-raise", {"kind": "MemoryError"}, r"the workload ran out of memory \(MemoryError\): no such luck"),
    ("test-raise", {"kind": "SystemExit", "message": "4"}, r"the workload called sys\.exit\(4\) before it finished"),
    ("test-raise", {"kind": "TaskCancelled"}, "the workload raised TaskCancelled although nobody .*"),
    ("test-raise", {"kind": "recursion"}, "the workload raised RecursionError: .*"),
    ("test-raise", {"kind": "long"}, r"the workload raised ValueError: z+ … \[.* characters cut\]"),
    ("test-exit", {}, "the worker process exited with code 3 before it finished"),
    ("test-exit", {"code": 0}, "the worker process exited with code 0 before it finished"),
    ("test-kill", {}, r"the worker process was killed by SIGKILL \(out of memory\?\)"),
    ("test-segfault", {}, "the worker process crashed with SIGSEGV"),
    ("test-rubbish", {}, r"the worker sent something that is not a report: 'GET / HTTP/1\.1\\r' is not JSON"),
    ("test-rubbish", {"kind": "long"}, "the worker sent something that is not a report: a line of more than .*"),
    ("test-rubbish", {"kind": "event"}, "the worker sent something that is not a report: .*status_change.*"),
    ("test-rubbish", {"kind": "nan"}, "the worker sent something that is not a report: .* is not JSON"),
    ("test-result", {"kind": "object"}, r"the workload returned a result that is not JSON: result\.model is an object"),
    ("test-result", {"kind": "list"}, "the workload returned a list; a result is a mapping or None"),
    ("test-result", {"kind": "bad-metric"}, r"ctx\.iteration: the metric 'loss' must be a number, not a str"),
    ("test-steps", {"n": "many"}, r"params\.n: Input should be a valid integer.*"),
    ("no-such-type", {}, "no workload of the type 'no-such-type' is installed"),
]


@pytest.mark.parametrize(("kind", "params", "sentence"), FAILURES)
def test_every_failure_has_its_clear_sentence(start: Start, kind: str, params: dict[str, Any], sentence: str) -> None:
    """One line for people, whatever the child did; within 5 s."""
    began = time.monotonic()
    outcome = start(kind, params).outcome()
    assert outcome.ending is Ending.FAILED
    assert re.fullmatch(sentence, outcome.error)
    assert time.monotonic() - began < 5


def test_the_traceback_begins_in_the_workload(start: Start) -> None:
    """And is cut to what an event carries."""
    traceback = start("test-raise").outcome().traceback
    assert traceback is not None
    assert traceback.splitlines()[0] == "Traceback (most recent call last):"
    assert "run_raise" in traceback.splitlines()[1]
    long = start("test-raise", {"kind": "long"}).outcome().traceback
    assert long is not None
    assert len(long) < 65536


def test_the_last_words_before_a_crash_are_heard(start: Start) -> None:
    """What was printed, and the Python stack of the crash."""
    running = start("test-segfault")
    running.outcome()
    assert running.core.lines("stdout") == ["before the crash"]
    assert "Fatal Python error: Segmentation fault" in running.core.lines("stderr")
    assert any("run_segfault" in line for line in running.core.lines("stderr"))


def test_a_machine_without_room_for_a_process_fails_the_task_clearly(tmp_path: Path) -> None:
    """Nothing is left open."""
    core, control = Core(), Control()
    runner = LocalRunner(current_runtime(), python=str(tmp_path / "no-python"))
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), core, control)
    assert outcome == Outcome(Ending.FAILED, error="the worker process could not be started: No such file or directory")


def test_a_worker_that_does_not_start_is_given_up(tmp_path: Path) -> None:
    """Its Python hangs, or ends before it has said a word."""
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 1000\n")
    python.chmod(0o755)
    runner = LocalRunner(current_runtime(), python=str(python), deadlines=Deadlines(start=0.2))
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), Core(), Control())
    assert outcome.error == "the worker process did not start within 0.2 s"
    python.write_text("#!/bin/sh\nexit 7\n")
    outcome = runner.run(assignment(tmp_path, "test-noop", {}), Core(), Control())
    assert outcome.error == "the worker process exited with code 7 before it started"
