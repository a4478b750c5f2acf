"""The watch: what of the machine and the queue people should hear of before it hurts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from api import metrics
from api.domain.announcement import Severity, alert, system_event
from api.domain.lifecycle import Status
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Announcer, Store
from api.runtime.base import Runtime

_log = get_logger(__name__)
LOOK_SECONDS = 2.0
SLOW_SECONDS = 1.0
"""A commit that takes longer is told of; one of the bounds of the metric."""
EASED = 0.8
"""A bound that was crossed is told of again only after there was so much of it at most."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Marks:
    """From where on people are told; 0: never."""

    queue: int
    """Tasks that wait."""
    disk_bytes: int
    """Left where the data is kept."""


@dataclass(slots=True)
class _Mark:
    """A bound of which is told once each time that it is crossed."""

    crossed: bool = field(default=False)

    def passed(self, part: float) -> bool:
        """Whether this is the moment to tell; `part` of the bound is reached."""
        if part >= 1 and not self.crossed:
            self.crossed = True
            return True
        if part <= EASED:
            self.crossed = False
        return False


class Watch:
    """A loop of the process; it looks while `on_duty()`: one process does for all of a data folder."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        announcer: Announcer,
        data_dir: Path,
        marks: Marks,
        on_duty: Callable[[], bool],
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._announcer = announcer
        self._data_dir = data_dir
        self._marks = marks
        self._on_duty = on_duty
        self._queue = _Mark()
        self._disk = _Mark()
        self._database = _Mark()
        self._slow = metrics.slower_than(metrics.COMMITS, SLOW_SECONDS)
        self._leaving = False

    def run(self) -> None:
        while not self._leaving:
            if self._on_duty():
                self.look()
            self._runtime.sleep(LOOK_SECONDS)

    def leave(self) -> None:
        self._leaving = True

    def look(self) -> None:
        self._look_at_the_disk()
        self._look_at_the_commits()
        try:
            self._look_at_the_queue()
        except RuncastError as error:
            if not self._leaving and self._database.passed(1):
                metrics.failure("watch")
                self._announcer.announce(
                    system_event("database_unavailable", f"the database does not answer: {error.message}", {})
                )
        else:
            self._database.passed(0)

    def _look_at_the_queue(self) -> None:
        most = self._marks.queue
        waiting = self._store.read(lambda tx: tx.count(Status.PENDING))
        if most and self._queue.passed(waiting / most):
            title, words = "The queue is long", f"{waiting} tasks are pending; you are told from {most} on"
            self._announcer.announce(alert("queue_long", title, words, Severity.WARNING))

    def _look_at_the_disk(self) -> None:
        least = self._marks.disk_bytes
        try:
            free = shutil.disk_usage(self._data_dir).free
        except OSError as error:
            metrics.failure("watch_disk")
            _log.warning("disk_not_looked_at", reason=str(error))
            return
        if least and self._disk.passed(least / max(free, 1)):
            words = (
                f"{free // MEBIBYTE} MiB are left where the server keeps its data; without room nothing can be "
                "committed: make some, or lower RUNCAST_RETENTION_DAYS"
            )
            self._announcer.announce(alert("disk_low", "The disk is nearly full", words, Severity.CRITICAL))

    def _look_at_the_commits(self) -> None:
        slow = metrics.slower_than(metrics.COMMITS, SLOW_SECONDS)
        new, self._slow = slow - self._slow, slow
        if new > 0:
            words = f"{new} commits took longer than {SLOW_SECONDS:g} s each"
            data = {"commits": new, "seconds": SLOW_SECONDS}
            self._announcer.announce(system_event("database_slow", words, data))
