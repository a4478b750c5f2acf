"""How a workload ended, in one sentence: what the child says last."""

from __future__ import annotations

import json
import traceback
from typing import Any

from api.errors import InvalidInput, TaskCancelled, TaskFailed, WorkloadError
from api.execution import limits
from api.execution.context import ChildContext
from api.execution.messages import End
from api.execution.text import clean_line
from api.execution.values import json_result
from api.ports import Ending

RESULT_FILE = "runcast-result.json"


def returned(result: Any, ctx: ChildContext) -> End:
    """The end of a workload that returned `result`.

    NaN and infinity become null, named under `nonfinite` in the result. A result too large for an event goes
    to `RESULT_FILE` among the artefacts, and the result says where it is. What is not JSON is a failure.
    """
    try:
        plain, nonfinite = json_result(result)
        if plain is not None and nonfinite:
            plain["nonfinite"] = nonfinite
            ctx.log("the result had values that are no numbers: " + ", ".join(sorted(nonfinite)[:20]), "warning")
        return End(Ending.COMPLETED, _small(plain, ctx))
    except (WorkloadError, OSError) as error:
        return End(Ending.FAILED, error=limits.cut(_sentence(error), limits.ERROR))


def _small(result: dict[str, Any] | None, ctx: ChildContext) -> dict[str, Any] | None:
    text = json.dumps(result, ensure_ascii=False)
    size = len(text.encode("utf-8", "replace"))
    return result if size <= limits.RESULT else _store(text, size, ctx)


def _store(text: str, size: int, ctx: ChildContext) -> dict[str, Any]:
    file = ctx.artifact_dir / RESULT_FILE
    file.write_text(text, encoding="utf-8", errors="replace")
    ctx.log(f"the result has {size:,} bytes, more than {limits.RESULT:,}: it is in the file {RESULT_FILE}", "warning")
    return {"result_file": f"{ctx.result_dir.rstrip('/')}/{RESULT_FILE}", "bytes": size}


def cancelled() -> End:
    return End(Ending.CANCELLED)


def paused() -> End:
    """The end of a workload that has left its worker, to go on later from its checkpoint."""
    return End(Ending.PAUSED)


def unprepared(error: Exception) -> End:
    """The end of a task whose workload could not even be called; of a broken module its own traceback."""
    known = isinstance(error, (InvalidInput, WorkloadError))
    sentence = _words(error) if known else f"the task could not be prepared: {_named(error)}"
    return End(Ending.FAILED, error=limits.cut(sentence, limits.ERROR), traceback=_traceback(error.__cause__))


def stopped(error: BaseException) -> End:
    """The end of a workload that was told to stop and raised, `TaskCancelled` as it should or something else."""
    return cancelled() if isinstance(error, TaskCancelled) else failed(error)


def failed(error: BaseException) -> End:
    """The end of a workload that raised."""
    if isinstance(error, TaskCancelled):
        return End(Ending.FAILED, error="the workload raised TaskCancelled although nobody had cancelled the task")
    if isinstance(error, (InvalidInput, TaskFailed)):
        return End(Ending.FAILED, error=limits.cut(_words(error), limits.ERROR))
    return End(Ending.FAILED, error=limits.cut(_sentence(error), limits.ERROR), traceback=_traceback(error))


def _sentence(error: BaseException) -> str:
    words = _words(error)
    if isinstance(error, WorkloadError):
        return words
    if isinstance(error, SystemExit):
        return f"the workload called sys.exit({words}) before it finished"
    if isinstance(error, MemoryError):
        return "the workload ran out of memory (MemoryError)" + (f": {words}" if words else "")
    return f"the workload raised {_named(error)}"


def _named(error: BaseException) -> str:
    words = _words(error)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _words(error: BaseException) -> str:
    try:
        lines = str(error).splitlines()
    except Exception:  # noqa: BLE001 - an exception whose own __str__ fails still has a name
        return ""
    return " ".join(filter(None, map(clean_line, lines[:20])))


def _traceback(error: BaseException | None) -> str | None:
    """From the workload's own first line on: the frame above it is ours."""
    if error is None:
        return None
    ours = error.__traceback__
    text = "".join(traceback.format_exception(type(error), error, ours.tb_next if ours else None))
    return limits.cut_middle(text, limits.TRACEBACK)
