"""What a workload sees: the context inside the child, without a process."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api.errors import InvalidInput, WorkloadError
from api.execution.capture import EventHandler, level_name
from api.execution.checkpoint import read_checkpoint, write_checkpoint
from api.execution.context import ChildContext, iteration_data
from api.execution.gate import Gate
from api.execution.outlet import Outlet
from api.ports import Assignment


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "input").mkdir()
    return Assignment(
        task_id="t1",
        lease_id="l1",
        type="test",
        params={},
        attempt=2,
        artifact_dir=tmp_path / "artifacts",
        result_dir="experiments/run_1",
        checkpoint_file=tmp_path / "checkpoints" / "t1",
        input_dirs=(tmp_path / "input",),
        shared_dir=tmp_path / "shared" / "test",
    )


@pytest.fixture
def sent() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def ctx(assignment: Assignment, sent: list[dict[str, Any]]) -> ChildContext:
    def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["say"] == "mark":  # as by a supervisor whose journal is at hand
            outlet.stored(message["number"])

    outlet = Outlet(send)
    return ChildContext(assignment, outlet, Gate(lambda effect: None))


def test_the_assignment_shows(ctx: ChildContext, assignment: Assignment) -> None:
    """Ids and folders, and nothing restored the first time."""
    assert (ctx.task_id, ctx.attempt, ctx.result_dir) == ("t1", 2, "experiments/run_1")
    assert assignment.artifact_dir == ctx.artifact_dir
    assert ctx.restored is None


def test_each_call_is_an_event(ctx: ChildContext, sent: list[dict[str, Any]]) -> None:
    """In order; NaN is named beside the metrics."""
    ctx.progress(1, 4, "quarter")
    ctx.iteration(1, {"loss": math.nan, "acc": 0.5})
    ctx.log("hello", "warn")
    ctx.log("hello", "shout")
    progress, iteration, warning, info = (message["data"] for message in sent)
    assert (
        progress["current_iteration"],
        progress["max_iterations"],
        progress["progress_percent"],
        progress["message"],
    ) == (1, 4, 25.0, "quarter")
    assert iteration == {"iteration": 1, "metrics": {"loss": None, "acc": 0.5}, "nonfinite": {"loss": "nan"}}
    assert warning == {"level": "warning", "message": "hello"}
    assert info == {"level": "info", "message": "hello"}


def test_progress_without_a_total_is_indeterminate(ctx: ChildContext, sent: list[dict[str, Any]]) -> None:
    """No percentage is made up, and no NaN."""
    ctx.progress(7)
    assert sent[0]["data"] == {"current_iteration": 7, "max_iterations": None, "progress_percent": 0.0}


@pytest.mark.parametrize("wrong", [1.5, "1", None])
def test_iterations_are_whole_numbers(wrong: Any) -> None:
    """NumPy's among them; the others are told to the author."""
    with pytest.raises(WorkloadError, match="iteration must be a whole number"):
        iteration_data(wrong, {})


def test_too_many_metrics_are_refused_with_the_way_out() -> None:
    """An event carries 64 KiB."""
    with pytest.raises(WorkloadError, match=r"write them to a file in ctx\.artifact_dir"):
        iteration_data(1, {f"metric number {n}": 0.123456789 for n in range(3000)})


def test_what_is_saved_is_restored_by_the_next_attempt(ctx: ChildContext, assignment: Assignment) -> None:
    """The last state, whole."""
    ctx.save(b"one")
    ctx.save(b"two" * 100_000)
    again = ChildContext(assignment, Outlet(lambda message: None), Gate(lambda effect: None))
    assert again.restored == b"two" * 100_000
    assert [assignment.checkpoint_file] == list(assignment.checkpoint_file.parent.iterdir())


def test_only_bytes_are_saved(ctx: ChildContext) -> None:
    """The author hears it at once, not at the next attempt."""
    with pytest.raises(WorkloadError, match=r"ctx\.save: the state must be bytes, not str"):
        ctx.save("text")  # type: ignore[arg-type]  # the mistake


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk shows at the latest in fsync."""
    file = tmp_path / "state"
    write_checkpoint(file, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(file, b"new")
    assert read_checkpoint(file) == b"old"
    assert [file] == list(tmp_path.iterdir())


def test_input_files_come_from_the_input_folders_only(ctx: ChildContext, assignment: Assignment) -> None:
    """As everywhere."""
    file = assignment.input_dirs[0] / "a.json"
    file.write_text("{}")
    assert file.resolve() == ctx.input_path("a.json")
    with pytest.raises(InvalidInput):
        ctx.input_path("../artifacts")


def test_input_folders_are_the_input_folders_and_those_inside(ctx: ChildContext, assignment: Assignment) -> None:
    folder = assignment.input_dirs[0] / "docs"
    folder.mkdir()
    assert folder.resolve() == ctx.input_folder("docs")
    assert folder.parent.resolve() == ctx.input_folder("input")
    (folder / "a.txt").write_text("x")
    (folder / "out").symlink_to("/etc")
    for name in ("docs/a.txt", "docs/out", "..", "docs/../../artifacts", "nothing"):
        with pytest.raises(InvalidInput, match="folder"):
            ctx.input_folder(name)


def test_the_shared_folder_is_made_when_it_is_asked_for(ctx: ChildContext, assignment: Assignment) -> None:
    assert assignment.shared_dir is not None
    assert not assignment.shared_dir.exists()
    assert assignment.shared_dir == ctx.shared_dir == ctx.shared_dir
    assert assignment.shared_dir.is_dir()


def test_without_a_shared_folder_its_user_is_told(assignment: Assignment) -> None:
    ctx = ChildContext(replace(assignment, shared_dir=None), Outlet(lambda message: None), Gate(lambda effect: None))
    with pytest.raises(WorkloadError, match="shared"):
        _ = ctx.shared_dir


def test_log_records_become_events_with_their_traceback(sent: list[dict[str, Any]]) -> None:
    """One per line, at the nearest level."""
    logger = logging.Logger("part.of.it")
    logger.addHandler(EventHandler(Outlet(sent.append)))
    logger.log(35, "between %s", "levels")
    try:
        raise ValueError("inside")
    except ValueError:
        logger.exception("failed")
    assert sent[0]["data"] == {"level": "warning", "message": "between levels", "logger": "part.of.it"}
    assert [message["data"]["message"] for message in sent[1:3]] == ["failed", "Traceback (most recent call last):"]
    assert sent[-1]["data"]["message"] == "ValueError: inside"


def test_levels_of_logging_map_to_ours() -> None:
    """Downwards."""
    assert [level_name(number) for number in (0, 10, 20, 25, 30, 40, 50, 99)] == [
        "debug",
        "debug",
        "info",
        "info",
        "warning",
        "error",
        "critical",
        "critical",
    ]
