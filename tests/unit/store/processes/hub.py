"""The store under a runtime, in a process patched for it. Arguments: mode, URL, file. Says a JSON object."""

from __future__ import annotations

import sys

from api.runtime.patch import patch

if __name__ == "__main__":
    patch(sys.argv[1])

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from api.errors import Conflict, Unavailable
from api.ports import Transaction
from api.runtime.base import Runtime
from api.runtime.choose import current_runtime
from api.store.sql import SqlStore
from tests.support.stores import a_task, say, task_id

WRITERS = 20
PERIOD = 0.6
TICK = 0.01


def ticks(runtime: Runtime, seconds: float) -> dict[str, float]:
    """How often the hub came round in `seconds`, and the longest time that it took."""
    end = last = time.monotonic()
    end += seconds
    count, longest = 0, 0.0
    while last < end:
        runtime.sleep(TICK)
        now = time.monotonic()
        count, longest, last = count + 1, max(longest, now - last), now
    return {"count": count, "longest": longest}


def in_background(runtime: Runtime, works: list[Callable[[], Any]]) -> list[Any]:
    """Run them at once, wait for all; what they returned or raised, in the order of their ends."""
    ended: list[Any] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            ended.append(work())
        except Exception as error:  # noqa: BLE001  # it is the result
            ended.append(error)

    for work in works:
        runtime.spawn(run, work)
    return ended


def wait_for(runtime: Runtime, ended: list[Any], count: int) -> None:
    deadline = time.monotonic() + 20
    while len(ended) < count and time.monotonic() < deadline:
        runtime.sleep(TICK)


def saying(store: SqlStore) -> Callable[[], int]:
    return lambda: store.write(lambda tx: say(tx, task_id(1))).seq


def writing_for(runtime: Runtime, store: SqlStore, seconds: float) -> None:
    end = time.monotonic() + seconds

    def storm() -> None:
        while time.monotonic() < end:
            store.write(lambda tx: say(tx, task_id(1)))

    for _ in range(WRITERS):
        runtime.spawn(storm)


def gaps(runtime: Runtime, store: SqlStore, path: str) -> dict[str, Any]:
    """The hub idle, with writes, and with writes that wait for another one's lock."""
    report: dict[str, Any] = {"idle": ticks(runtime, PERIOD)}
    writing_for(runtime, store, PERIOD)
    report["writing"] = ticks(runtime, PERIOD)
    other = sqlite3.connect(path, isolation_level=None, timeout=10)
    other.execute("BEGIN IMMEDIATE")
    waiting = in_background(runtime, [saying(store)] * WRITERS)
    report["locked"] = ticks(runtime, PERIOD)
    report["written_while_locked"] = len(waiting)
    other.execute("ROLLBACK")
    wait_for(runtime, waiting, WRITERS)
    report["seqs"] = waiting
    other.execute("BEGIN IMMEDIATE")
    refused = in_background(runtime, [saying(store)] * WRITERS)
    wait_for(runtime, refused, WRITERS)
    other.execute("ROLLBACK")
    other.close()
    report["refused"] = sum(isinstance(error, Unavailable) for error in refused)
    return report


def from_a_native_thread(runtime: Runtime, store: SqlStore) -> list[int]:
    """A write and a read of a real OS thread."""
    found: list[int] = []

    def work() -> None:
        seq = store.write(lambda tx: say(tx, task_id(1))).seq
        found.append(store.read(lambda tx: tx.last_seqs([task_id(1)]))[task_id(1)] - seq)

    runtime.start_native(work, "native")
    wait_for(runtime, found, 1)
    return found


def error_of(store: SqlStore) -> str:
    def conflict(tx: Transaction) -> None:
        tx.add_task(a_task(1))

    try:
        store.write(conflict)
    except Conflict as error:
        return str(error)
    return "no error"


def main(url: str, path: str) -> None:
    runtime = current_runtime()
    store = SqlStore(url, runtime, busy_timeout=2 * PERIOD)
    store.write(lambda tx: tx.add_task(a_task(1)))
    report = {"runtime": runtime.name, **gaps(runtime, store, path)}
    report["native"] = from_a_native_thread(runtime, store)
    report["error"] = error_of(store)
    before = store.read(lambda tx: tx.last_seqs([task_id(1)]))[task_id(1)]
    order = in_background(runtime, [saying(store)] * 200)
    wait_for(runtime, order, 200)
    report["order"] = [seq - before for seq in order]
    store.close()
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3])
