"""An external task from its owner's side: the work runs here, the server only keeps what is reported."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from api.domain.event_data import finite_metrics
from api.errors import APIError, ConnectionLost, TaskCancelled

Json = dict[str, Any]
Append = Callable[[str, Sequence[Json]], Json]

INTERVAL_SECONDS = 0.1
"""`progress` is sent at most this often; the latest one always is."""
MAX_WAITING = 1000
"""Events that may wait for a server that cannot be reached, before `ConnectionLost` is raised."""
BATCH = 50
"""Events in one request."""
RETRY_SECONDS = 1.0
LAST_WORD_SECONDS = 60.0
"""How long the end of the task is tried to be told."""
CONFLICT = 409


class Report:
    """A context manager. Its end completes the task, an exception fails it with its traceback.

    `progress`, `iteration` and `log` raise `TaskCancelled` once somebody has cancelled the task. While the
    server cannot be reached they keep what they are given, in order, and send it later. A report whose answer
    was lost on the way is sent again: it may stand in the journal twice.
    """

    def __init__(self, task_id: str, total: int | None, append: Append) -> None:
        self.task_id = task_id
        self._total = total
        self._append = append
        self._lock = threading.RLock()
        self._waiting: list[Json] = []
        self._progress: Json | None = None
        self._due = 0.0
        """When the next `progress` may be sent, and the next try be made after a failed one."""
        self._failing = False
        self._ended = False

    def progress(self, current: int, message: str | None = None) -> None:
        """`current` of `total` is done. Cheap: most calls send nothing."""
        data: Json = {"current_iteration": current, "max_iterations": self._total}
        with self._lock:
            self._progress = _event("progress", data if message is None else {**data, "message": message})
            if time.monotonic() >= self._due:
                self._flush()

    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """The metrics of one finished iteration; none is lost. NaN and infinities become null, named beside."""
        finite, nonfinite = finite_metrics({name: float(value) for name, value in metrics.items()})
        data: Json = {"iteration": iteration, "metrics": finite}
        self._send(_event("iteration_complete", {**data, "nonfinite": nonfinite} if nonfinite else data))

    def log(self, message: str, level: str = "info") -> None:
        """One line of the task's log."""
        self._send(_event("log", {"level": level, "message": message}))

    def complete(self, result: Mapping[str, Any] | None = None) -> None:
        """End the task with a result; leaving the `with` block does it without one."""
        self._end(_event("status_change", {"status": "completed", "message": "completed", "result": result}))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended:
            return
        if exc is None:
            self.complete()
        elif not isinstance(exc, TaskCancelled):
            told = "".join(traceback.format_exception(kind, exc, trace))
            self._end(_event("error", {"error": f"{type(exc).__name__}: {exc}", "traceback": told}))

    def _send(self, event: Json) -> None:
        with self._lock:
            self._keep_progress()
            self._waiting.append(event)
            if time.monotonic() >= self._due or not self._failing:
                self._flush()

    def _end(self, event: Json) -> None:
        with self._lock:
            self._ended = True
            self._keep_progress()
            self._waiting.append(event)
            deadline = time.monotonic() + LAST_WORD_SECONDS
            while self._waiting:
                self._flush(last=time.monotonic() > deadline)
                if self._waiting:
                    time.sleep(RETRY_SECONDS)

    def _keep_progress(self) -> None:
        if self._progress is not None:
            self._waiting.append(self._progress)
            self._progress = None

    def _flush(self, *, last: bool = False) -> None:
        """Send all that waits, in order. What cannot be sent now waits on; `last`: raise instead."""
        self._keep_progress()
        try:
            while self._waiting:
                self._append(self.task_id, self._waiting[:BATCH])
                del self._waiting[:BATCH]
            self._failing, self._due = False, time.monotonic() + INTERVAL_SECONDS
        except ConnectionLost:
            self._failing, self._due = True, time.monotonic() + RETRY_SECONDS
            if last or len(self._waiting) > MAX_WAITING:
                raise
        except APIError as error:
            self._refused(error, last)

    def _refused(self, error: APIError, last: bool) -> None:
        if error.status == CONFLICT:
            self._ended = True
            self._waiting.clear()
            raise TaskCancelled(error.detail) from error
        if error.status < 500 or last:
            raise error
        self._failing, self._due = True, time.monotonic() + RETRY_SECONDS


def _event(event_type: str, data: Json) -> Json:
    return {"event_type": event_type, "data": data}
