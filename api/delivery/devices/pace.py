"""Progress of one connection's own tasks, as fast as it comes: at most one report in 100 ms of each is committed.

The latest one wins, and the last one is never lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api import metrics
from api.errors import RuncastError, Unavailable
from api.runtime.base import Runtime
from api.services.report import Sent

SECONDS = 0.1

Commit = Callable[[int, Sequence[Sent]], str]
"""(the device's id of the task, what it says) → the id of the task. Raises what `Devices.report` does."""


@dataclass(slots=True)
class _Held:
    task_id: str
    waiting: Sent | None = None


class Pace:
    def __init__(self, runtime: Runtime, commit: Commit, refused: Callable[[int, RuncastError], None]) -> None:
        """`refused` hears of a report that waited, and could then not be committed."""
        self._runtime = runtime
        self._commit = commit
        self._refused = refused
        self._lock = threading.Lock()
        self._held: dict[int, _Held] = {}
        """Tasks whose progress was committed less than 100 ms ago, with what has come since."""

    def progress(self, number: int, sent: Sent) -> str:
        """Commit it, or put it in the place of the one that waits; the id of the task."""
        with self._lock:
            held = self._held.get(number)
            if held is not None:
                held.waiting = sent
                return held.task_id
        task_id = self._commit(number, [sent])
        with self._lock:
            held = self._held[number] = _Held(task_id)
        self._runtime.spawn(self._hold, number, held)
        return task_id

    def end(self, number: int, sent: Sent) -> str:
        """Commit the last word, right after what waits."""
        with self._lock:
            held = self._held.pop(number, None)
        before = [held.waiting] if held is not None and held.waiting is not None else []
        return self._commit(number, [*before, sent])

    def _hold(self, number: int, held: _Held) -> None:
        """In a thread of its own for as long as the task reports more often than every 100 ms."""
        while True:
            self._runtime.sleep(SECONDS)
            with self._lock:
                sent, held.waiting = held.waiting, None
                if self._held.get(number) is not held:
                    return  # it has ended, with what waited
                if sent is None:
                    del self._held[number]
                    return
            try:
                self._commit(number, [sent])
            except Unavailable:
                metrics.failure("devices_progress")
                with self._lock:
                    held.waiting = held.waiting or sent  # tried again, unless there is a later one
            except RuncastError as error:
                self._refused(number, error)
            except BaseException:
                with self._lock:
                    self._held.pop(number, None)  # else what comes would wait for ever
                raise
