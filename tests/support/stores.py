"""Tasks, events and databases for tests of the store and of what stands on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from api.domain.event import Event, EventType
from api.domain.task import Task, applied
from api.ports import Transaction

START = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=UTC)


def task_id(number: int) -> str:
    """An id whose order is that of the numbers."""
    return f"00000000-0000-4000-8000-{number:012d}"


def a_task(number: int = 1, **changes: Any) -> Task:
    """Task `number`, created `number` seconds after START."""
    fields: dict[str, Any] = {
        "id": task_id(number),
        "type": "training",
        "owner": "local",
        "created_at": START + timedelta(seconds=number),
    }
    return Task(**fields | changes)


def say(tx: Transaction, task: str, type_: EventType = EventType.LOG, data: Mapping[str, Any] | None = None) -> Event:
    """Append one event to the journal of a task, as a service does."""
    before = tx.task(task)
    assert before is not None
    default = {"level": "info", "message": f"line {before.last_seq + 1}"}
    event = Event(task, before.last_seq + 1, type_, default if data is None else data, START)
    tx.append(applied(before, event), [event])
    return event


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'journal.db'}"


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Hold the write lock of a database from another connection."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
