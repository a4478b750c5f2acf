"""The sentence for each way in which a workload can end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.errors import InvalidInput, TaskCancelled, WorkloadError
from api.execution import endings, limits
from api.execution.messages import End
from api.ports import Ending


class Folder:
    """As much of a context as endings need."""

    def __init__(self, path: Path) -> None:
        self.artifact_dir = path
        self.result_dir = "experiments/run_1"
        self.lines: list[str] = []

    def log(self, message: str, level: str = "info") -> None:
        self.lines.append(message)


@pytest.fixture
def ctx(tmp_path: Path) -> Any:
    return Folder(tmp_path)


def raised(error: BaseException) -> End:
    """The end of a workload that raises `error`."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - SystemExit and its like are among them
        return endings.failed(caught)


def test_a_small_result_travels_as_it_is(ctx: Any) -> None:
    """None too."""
    assert End(Ending.COMPLETED, {"a": 1}) == endings.returned({"a": 1}, ctx)
    assert End(Ending.COMPLETED, None) == endings.returned(None, ctx)


def test_a_large_result_becomes_a_file_and_a_link(ctx: Any) -> None:
    """Hours of work are not lost for its size."""
    end = endings.returned({"rows": ["x" * 100] * 1000}, ctx)
    assert end.result == {"result_file": "experiments/run_1/runcast-result.json", "bytes": 104_010}
    assert (ctx.artifact_dir / "runcast-result.json").stat().st_size == 104_010
    assert ctx.lines == ["the result has 104,010 bytes, more than 61,440: it is in the file runcast-result.json"]


def test_a_result_with_nan_completes_and_says_so(ctx: Any) -> None:
    """Named in the result and in the log."""
    end = endings.returned({"loss": float("nan")}, ctx)
    assert end.result == {"loss": None, "nonfinite": {"loss": "nan"}}
    assert ctx.lines == ["the result had values that are no numbers: loss"]


def test_a_result_that_is_not_json_fails_without_a_traceback(ctx: Any) -> None:
    """There is no line of the workload to show."""
    end = endings.returned({"model": object()}, ctx)
    expected = "the workload returned a result that is not JSON: result.model is an object"
    assert End(Ending.FAILED, error=expected) == end


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("no such luck"), "the workload raised ValueError: no such luck"),
        (KeyError("a"), "the workload raised KeyError: 'a'"),
        (ValueError(), "the workload raised ValueError"),
        (ValueError("two\nlines"), "the workload raised ValueError: two lines"),
        (Wordless(), "the workload raised Wordless"),
        (MemoryError(), "the workload ran out of memory (MemoryError)"),
        (SystemExit(3), "the workload called sys.exit(3) before it finished"),
        (KeyboardInterrupt(), "the workload raised KeyboardInterrupt"),
        (WorkloadError("ctx.save: no"), "ctx.save: no"),
    ],
)
def test_an_exception_is_one_sentence_and_a_traceback(error: BaseException, sentence: str) -> None:
    """Whatever is raised."""
    end = raised(error)
    assert (Ending.FAILED, sentence) == (end.ending, end.error)
    assert end.traceback is not None


def test_bad_input_is_told_in_its_own_words() -> None:
    """Without class name and traceback: it is for the user."""
    assert End(Ending.FAILED, error="the file is empty") == raised(InvalidInput("the file is empty"))


def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    """Said plainly."""
    assert raised(TaskCancelled()).error.endswith("although nobody had cancelled the task")


def test_texts_are_cut_to_what_an_event_carries() -> None:
    """The sentence at its end, the traceback in its middle."""

    def workload() -> None:
        raise ValueError("z" * 200_000)

    try:
        workload()
    except ValueError as error:
        end = endings.failed(error)
    assert "characters cut]" in end.error
    assert limits.json_size(end.error) <= limits.ERROR
    assert end.traceback is not None
    assert limits.json_size(end.traceback) <= limits.TRACEBACK
    assert end.traceback.startswith("Traceback (most recent call last)")


def test_a_task_that_could_not_be_prepared() -> None:
    """Known reasons speak for themselves; of a broken module its own traceback is shown."""
    assert End(Ending.FAILED, error="params.n: no") == endings.unprepared(InvalidInput("params.n: no"))
    assert endings.unprepared(PermissionError("no")).error == "the task could not be prepared: PermissionError: no"
    broken = WorkloadError("cannot be loaded")
    broken.__cause__ = ImportError("no module x")
    assert "ImportError: no module x" in str(endings.unprepared(broken).traceback)
