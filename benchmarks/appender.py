"""Appends events to a fresh journal for a second and prints how many and how long each took, as JSON.

python -m benchmarks.appender FOLDER threading|eventlet NORMAL|FULL CALLERS
"""

from __future__ import annotations

import sys

from api.runtime.patch import patch

if __name__ == "__main__":
    patch(sys.argv[2])

import json
import time
from functools import partial
from pathlib import Path

from api.domain.event import EventType
from api.domain.task import Task
from api.ports import Transaction
from api.runtime.base import Waiter
from api.runtime.choose import current_runtime
from api.store.sql import SqlStore
from benchmarks.figures import percentile
from tests.support.stores import a_task, say, sqlite_url, task_id

SECONDS = 1.0
WARM_UP = 0.2
DATA = {"level": "info", "message": "m" * 94}
"""So that the envelope has 250 bytes."""


class Caller:
    """Appends one event after the other to a task of its own; those begun from `first` on count."""

    def __init__(self, store: SqlStore, task: str, first: float, ended: Waiter) -> None:
        self._store = store
        self._task = task
        self._first, self._end = first, first + SECONDS
        self.ended = ended
        self.took: list[float] = []

    def run(self) -> None:
        now = time.perf_counter()
        while now < self._end:
            begin = now
            self._store.write(lambda tx: say(tx, self._task, EventType.LOG, DATA))
            now = time.perf_counter()
            if begin >= self._first:
                self.took.append(1000 * (now - begin))
        self.ended.set()


def measure(folder: Path, synchronous: str, callers: int) -> dict[str, float]:
    runtime = current_runtime()
    store = SqlStore(sqlite_url(folder), runtime, synchronous=synchronous)
    for number in range(callers):
        store.write(partial(_add, task=a_task(number)))
    first = time.perf_counter() + WARM_UP
    crew = [Caller(store, task_id(number), first, runtime.waiter()) for number in range(callers)]
    for caller in crew:
        runtime.spawn(caller.run)
    for caller in crew:
        caller.ended.wait()
    store.close()
    took = [each for caller in crew for each in caller.took]
    return {"rate": len(took) / SECONDS, "p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}


def _add(tx: Transaction, task: Task) -> None:
    tx.add_task(task)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[3], int(sys.argv[4]))))
