"""How the server is, each second, while somebody listens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from api import metrics
from api.delivery.topics.hub import Topics
from api.domain.announcement import Topic, stats_update
from api.domain.lifecycle import Status
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Store
from api.runtime.base import Runtime

_log = get_logger(__name__)
PERIOD_SECONDS = 1.0
SHARE = 50
"""Counting the tasks takes no more than one in so many parts of the time, however many there are."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Stats:
    """A loop of the process."""

    def __init__(
        self, topics: Topics, store: Store, runtime: Runtime, connections: Callable[[], Mapping[str, int]]
    ) -> None:
        self._topics = topics
        self._store = store
        self._runtime = runtime
        self._connections = connections
        self._leaving = False
        self._tasks: dict[str, int] = {}
        self._count_again = 0.0
        self._then = _Reading()

    def run(self) -> None:
        while not self._leaving:
            self._runtime.sleep(PERIOD_SECONDS)
            if self._topics.wanted(Topic.STATS):
                self._topics.announce(stats_update(self.now()))

    def leave(self) -> None:
        self._leaving = True

    def now(self) -> dict[str, Any]:
        """Rates are since the last call. Memory in bytes, times in seconds, CPU in percent of one core."""
        self._count()
        then, self._then = self._then, _Reading()
        seconds = max(self._then.at - then.at, 1e-3)
        return {
            "tasks": dict(self._tasks),
            "connections": dict(self._connections()),
            "events_per_second": round((self._then.events - then.events) / seconds, 1),
            "cpu_percent": round(100 * (self._then.cpu - then.cpu) / seconds, 1),
            "memory_bytes": resident_bytes(),
            "hub_lag_seconds": round(metrics.RECENT_GAP.taken(), 4),
            "running": int(metrics.value(metrics.RUNNING)),
        }

    def _count(self) -> None:
        """How many tasks there are by status; a large table is counted less often."""
        begun = time.monotonic()
        if begun < self._count_again:
            return
        try:
            self._tasks = self._store.read(lambda tx: {str(status): tx.count(status) for status in Status})
        except RuncastError as error:
            metrics.failure("stats")
            _log.debug("tasks_not_counted", reason=error.message)
        self._count_again = begun + SHARE * (time.monotonic() - begun)


class _Reading:
    def __init__(self) -> None:
        self.at = time.monotonic()
        self.cpu = time.process_time()
        self.events = metrics.value(metrics.EVENTS)


def resident_bytes() -> int:
    """What this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
