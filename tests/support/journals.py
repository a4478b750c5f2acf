"""Journals filled by SQL, for tests of what is large or old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from api.domain.task import Task
from api.runtime.threads import ThreadRuntime
from api.store.sql import SqlStore
from api.store.values import micros

_EVENTS = """
INSERT INTO events (task_id, seq, type, data, at)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
SELECT :task_id, :last_seq + n, 'log', '{"level":"info","message":"line ' || (:last_seq + n) || ' ' || :filler || '"}',
       :start + n * :apart FROM numbers
"""


def add_tasks(path: Path, *tasks: Task) -> None:
    """Make the journal if there is none, and put these tasks in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(SqlStore(f"sqlite:///{path}", ThreadRuntime())) as store:
        store.write(lambda tx: [tx.add_task(task) for task in tasks])


def add_logs(path: Path, task: Task, count: int, *, size: int = 100, apart: timedelta = timedelta(0)) -> None:
    """`count` log events of some `size` bytes that continue what `task` has, `apart` from its creation on.
    Nobody may have the journal open. A million take 4 s."""
    values = {
        "task_id": task.id,
        "count": count,
        "filler": "x" * (size - 40),
        "start": micros(task.created_at),
        "apart": apart // timedelta(microseconds=1),
    }
    change(path, lambda connection: _append(connection, task.id, count, values))


def _append(connection: sqlite3.Connection, task_id: str, count: int, values: dict[str, object]) -> None:
    (last_seq,) = connection.execute("SELECT last_seq FROM tasks WHERE id = ?", (task_id,)).fetchone()
    connection.execute(_EVENTS, {**values, "last_seq": last_seq})
    connection.execute("UPDATE tasks SET last_seq = last_seq + ? WHERE id = ?", (count, task_id))


def change(path: Path, work: Callable[[sqlite3.Connection], None]) -> None:
    """One transaction, without waiting for the disk."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        work(connection)
