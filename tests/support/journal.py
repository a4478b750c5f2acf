"""The journal's file as it lies on the disk, read past the server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


class JournalFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def integrity(self) -> str:
        """`ok`, or what SQLite finds wrong with the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            return str(connection.execute("PRAGMA integrity_check").fetchone()[0])

    def seqs(self) -> dict[str, list[int]]:
        """The numbers of every task's events, in the order in which they were written."""
        found: dict[str, list[int]] = {}
        with closing(sqlite3.connect(self.path)) as connection:
            for task_id, seq in connection.execute("SELECT task_id, seq FROM events ORDER BY task_id, seq"):
                found.setdefault(task_id, []).append(seq)
        return found

    def give_away(self, task_id: str) -> None:
        """Grant a running task to somebody else, as another server would that took this one for dead."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=5000")
            connection.execute("UPDATE tasks SET lease_id = 'of somebody else' WHERE id = ?", (task_id,))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the write lock, as another program's long transaction does."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout=5000")
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


def open_journal(data_dir: Path) -> JournalFile:
    return JournalFile(data_dir / "runcast.db")
