"""What a task in a real child process reports arrives, in order and whole, whatever the core does meanwhile."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.domain.event import EventType
from api.errors import StaleLease, Unavailable
from api.ports import Ending, Outcome
from tests.integration.attempts import Core, Start
from tests.support.waiting import wait_until


def test_a_task_reports_in_order_and_completes(start: Start) -> None:
    """Log, progress and iteration of each step, with the attempt; then the result."""
    running = start("test-steps", {"n": 2})
    outcome = running.outcome()
    result = {"steps": 2, "result_dir": "experiments/run_1", "input_size": None}
    assert outcome == Outcome(Ending.COMPLETED, result, files=True, saved=False)
    assert [str(draft.type) for draft in running.core.drafts] == ["log", "progress", "iteration_complete"] * 2
    assert running.core.of(EventType.ITERATION_COMPLETE) == [
        {"attempt": 1, "iteration": 1, "metrics": {"loss": 1.0, "step": 1}},
        {"attempt": 1, "iteration": 2, "metrics": {"loss": 0.5, "step": 2}},
    ]
    assert (running.assignment.artifact_dir / "steps.txt").read_text() == "2"


def test_everything_that_is_said_becomes_a_line_of_the_log(start: Start) -> None:
    """print, stderr, logging, warnings, progress bars, endless lines, colours, binary, a line without an end."""
    running = start("test-print")
    assert running.outcome().ending is Ending.COMPLETED
    stdout = running.core.lines("stdout")
    assert stdout[:2] == ["from print", "100% done"]
    assert re.fullmatch(r"x{61000,65536} … \[.* cut\].*", stdout[2])
    assert stdout[3:] == ["red and bell", "\ufffd\ufffd binary  rubbish", "the last line has no end"]
    assert running.core.lines("stderr") == ["from stderr"]
    assert running.core.lines("workload.part") == ["from logging"]
    assert running.core.lines("root") == ["first line", "second line"]
    assert "UserWarning: from warnings" in running.core.lines("py.warnings")[0]
    assert all(len(json.dumps(dict(draft.data), ensure_ascii=False)) <= 65536 for draft in running.core.drafts)


def test_lines_arrive_while_the_work_goes_on(start: Start) -> None:
    """Not at its end."""
    running = start("test-steps", {"n": 1000, "delay": 0.05})
    running.until(lambda core: core.lines())
    running.control.send("cancel")
    assert running.outcome().ending is Ending.CANCELLED


def test_a_flood_of_progress_is_coalesced_and_its_last_is_delivered(start: Start) -> None:
    """100,000 reports: at most one in 50 ms leaves the child."""
    running = start("test-flood", {"n": 100_000})
    outcome = running.outcome(60)
    assert outcome.result is not None
    assert running.core.steps()[-1] == 100_000
    assert len(running.core.steps()) <= outcome.result["seconds"] / 0.05 + 2


def test_metrics_without_a_number_are_null_and_named(start: Start) -> None:
    """NaN and both infinities."""
    running = start("test-result", {"kind": "metrics"})
    running.outcome()
    assert running.core.of(EventType.ITERATION_COMPLETE) == [
        {
            "attempt": 1,
            "iteration": 1,
            "metrics": {"loss": None, "best": None, "worst": None, "fine": 1.5},
            "nonfinite": {"loss": "nan", "best": "inf", "worst": "-inf"},
        }
    ]


def test_the_next_attempt_goes_on_from_the_checkpoint(start: Start) -> None:
    """The first one dies at 4; the second starts after 4."""
    params = {"upto": 6, "fail_at": 4}
    assert start("test-counter", params).outcome().ending is Ending.FAILED
    again = start("test-counter", params, attempt=2)
    outcome = again.outcome()
    assert outcome.result == {"started_after": 4, "at": 6, "folder": again.assignment.artifact_dir.name}
    assert {data["attempt"] for data in again.core.of(EventType.PROGRESS)} == {2}


def test_input_files_are_read_from_the_input_folders(start: Start, tmp_path: Path) -> None:
    """As the server checked them, the child finds them."""
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.txt").write_text("12345")
    running = start("test-steps", {"n": 0, "input": "a.txt"}, input_dirs=(tmp_path / "input",))
    assert dict(running.outcome().result or {})["input_size"] == 5


def test_params_of_a_megabyte_reach_the_child(start: Start) -> None:
    """More than a socket holds at once."""
    running = start("test-steps", {"n": 0, "label": "x" * 1_000_000})
    assert running.outcome().ending is Ending.COMPLETED


def test_a_large_result_becomes_a_file(start: Start) -> None:
    """Among the artefacts; the result says where."""
    running = start("test-result", {"kind": "huge"})
    result = running.outcome().result
    assert result == {"result_file": "experiments/run_1/runcast-result.json", "bytes": 208_010}
    assert (running.assignment.artifact_dir / "runcast-result.json").stat().st_size == 208_010


def test_a_lost_lease_stops_the_work(start: Start) -> None:
    """Quickly, and nothing more is reported."""
    core = Core()
    core.trouble = lambda: StaleLease() if len(core.drafts) > 3 else None
    running = start("test-steps", {"n": 1000, "delay": 0.01}, core=core)
    assert running.outcome().ending is Ending.LOST
    assert len(core.lines("runcast")) == 0


def test_an_unavailable_core_holds_the_child_back_and_loses_nothing(start: Start) -> None:
    """Every second report fails: the order holds, nothing is missing and nothing comes twice."""
    core = Core()
    turns = iter(range(10**9))
    core.trouble = lambda: Unavailable() if next(turns) % 2 else None
    running = start("test-steps", {"n": 300}, core=core)
    assert running.outcome(60).ending is Ending.COMPLETED
    iterations = [data["iteration"] for data in core.of(EventType.ITERATION_COMPLETE)]
    assert iterations == list(range(1, 301))


def test_a_runner_can_be_stopped_while_the_core_is_unavailable(start: Start) -> None:
    """What could not be committed is lost with the attempt."""
    core = Core()
    core.trouble = lambda: Unavailable()
    running = start("test-steps", {"n": 100_000}, core=core)
    wait_until(lambda: running.children)
    running.control.send("shutdown")
    assert running.outcome().ending is Ending.LOST


def test_a_core_that_breaks_leaves_no_child(start: Start) -> None:
    """Its exception is raised where the attempt was started."""
    core = Core()
    core.trouble = lambda: RuntimeError("a mistake of ours")
    running = start("test-steps", {"n": 1000, "delay": 0.01}, core=core)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        running.outcome()
    wait_until(lambda: not running.left())
