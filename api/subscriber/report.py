"""An external task from its owner's side: the work runs here, the server only keeps what is reported."""

from __future__ import annotations

import math
import traceback
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from api.domain.event_data import LEVELS, finite_metrics
from api.errors import ClientError, TaskCancelled, TaskFailed
from api.subscriber.sender import Errors, Json, Sender, Server

_ALIASES = {"warn": "warning", "fatal": "critical"}


class Report:
    """A context manager. Its end completes the task, an exception fails it with its traceback.

    No method waits for the server: a thread sends what is reported, in order, and a heartbeat when nothing is.
    While the server cannot be reached up to `sender.MAX_WAITING` reports wait; of more than that the oldest are
    dropped, and a line of the log says how many. Every method may be called from any thread.

    Once somebody has cancelled the task, `progress`, `iteration`, `log` and `checkpoint` raise `TaskCancelled`;
    the heartbeat learns of it within seconds, however long the work is silent. Nothing else is raised with
    `errors="log"`; with `errors="raise"` these methods raise `ClientError` when a report was refused or had to be
    dropped.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        server: Server,
        *,
        params: Mapping[str, Any] | None = None,
        errors: Errors = "log",
        on_cancel: Callable[[], None] | None = None,
    ) -> None:
        """`server` is this report's own, and closed at its end. See `APIClient.report` for the rest."""
        self._total = total
        self._sender = Sender(server, name, dict(params or {}), errors, on_cancel)
        self._ended = False
        weakref.finalize(self, self._sender.leave)  # forgotten without an end: no heartbeat must go on for it

    @property
    def task_id(self) -> str | None:
        """None as long as the server could not be reached."""
        return self._sender.task_id

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the task; as far as is known, without asking the server."""
        return self._sender.cancelled is not None

    def progress(self, current: float, message: str | None = None, *, total: float | None = None) -> None:
        """`current` of `total` is done, by default of the total of the whole report. Cheap: most calls send nothing."""
        end = self._total if total is None else total
        data: Json = {"current_iteration": int(current), "max_iterations": None if end is None else int(end)}
        self._sender.progress(_event("progress", data if message is None else {**data, "message": str(message)}))

    def iteration(self, iteration: int, metrics: Mapping[str, float | None]) -> None:
        """The metrics of one finished iteration. NaN, None and infinities become null, named beside."""
        finite, nonfinite = finite_metrics(
            {name: math.nan if value is None else float(value) for name, value in metrics.items()}
        )
        data: Json = {"iteration": int(iteration), "metrics": finite}
        self._sender.put(_event("iteration_complete", {**data, "nonfinite": nonfinite} if nonfinite else data))

    def log(self, message: str, level: str = "info", logger: str | None = None) -> None:
        """Write to the task's log, each line of `message` as an event of its own."""
        name = _ALIASES.get(level.lower(), level.lower())
        data: Json = {"level": name if name in LEVELS else "info"} | ({"logger": logger} if logger else {})
        for line in str(message).splitlines() or [""]:
            self._sender.put(_event("log", {**data, "message": line}))

    def checkpoint(self) -> None:
        """Raise `TaskCancelled` when somebody has cancelled the task. Costs nothing: call it in every loop."""
        self._sender.check()

    def complete(self, result: Mapping[str, Any] | None = None) -> None:
        """End the task with a result of JSON values; leaving the `with` block does it without one."""
        data = {"status": "completed", "message": "completed", "result": plain(result)}
        self._end(_event("status_change", data))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if exc is None or (isinstance(exc, SystemExit) and not exc.code):
            self.complete()
            return
        try:
            self._end(_last_word(exc))
        except ClientError as error:  # with errors="raise"; what went wrong in the work says more
            exc.add_note(f"and the server could not be told: {error.message}")
        except TaskCancelled:
            pass

    def _end(self, event: Json) -> None:
        if not self._ended:
            self._ended = True
            self._sender.end(event)


def _last_word(exc: BaseException) -> Json:
    if isinstance(exc, TaskCancelled):
        return _event("status_change", {"status": "cancelled", "message": "cancelled"})
    if isinstance(exc, TaskFailed):
        return _event("error", {"error": str(exc)})
    told = "".join(traceback.format_exception(exc))
    words = str(exc)
    name = type(exc).__name__
    return _event("error", {"error": f"{name}: {words}" if words else name, "traceback": told})


def _event(event_type: str, data: Json) -> Json:
    return {"event_type": event_type, "data": data}


def plain(value: Any) -> Any:
    """JSON values only: what a journal takes, whatever the work hands over. NaN and infinities become null."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)
