"""The index: an SQLite file with the words of the documents (FTS5), written by one task at a time.

Each document is a transaction of its own, so the file is at any moment what has been done so far, whole: it is
the checkpoint of the task that writes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from api.errors import TaskFailed
from api.workloads.indexing.documents import Document

VERSION = 1
"""Of the tables, and of how documents are read: an index of another version has to be rebuilt."""
BUSY_SECONDS = 10.0
_SCHEMA = (
    "CREATE TABLE about (folder TEXT NOT NULL, rebuilt_by TEXT)",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL,
        task_id TEXT NOT NULL,
        error TEXT
    )""",
    "CREATE TABLE removals (task_id TEXT PRIMARY KEY, removed INTEGER NOT NULL)",
    "CREATE VIRTUAL TABLE texts USING fts5(title, body, tokenize = 'unicode61 remove_diacritics 2')",
    "INSERT INTO texts (texts, rank) VALUES ('rank', 'bm25(5.0, 1.0)')",  # a word in the title is worth five
    f"PRAGMA user_version = {VERSION}",
)


class Index:
    """The open index of one folder, for its only writer."""

    def __init__(self, file: Path, folder: str, task_id: str, *, rebuild: bool = False) -> None:
        """Opens the index or makes it. `TaskFailed` when it is another folder's, is damaged or cannot be written.

        With `rebuild` what there is is thrown away, but only once by a task: its next attempt goes on.
        """
        self._file = file
        self._task_id = task_id
        self._db = self._opened(folder, rebuild)

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    # -- what is known of a document ---------------------------------------------------------------

    def known(self, path: str) -> tuple[bytes, str, str | None] | None:
        """(digest, id of the task that read it, why that failed) of the content that was read last."""
        with self._failing():
            row = self._db.execute("SELECT digest, task_id, error FROM documents WHERE path = ?", (path,)).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def paths(self) -> Iterator[str]:
        """Every path that is known, in order; the index may be changed meanwhile."""
        last = ""
        while True:
            with self._failing():
                page = self._db.execute(
                    "SELECT path FROM documents WHERE path > ? ORDER BY path LIMIT 1000", (last,)
                ).fetchall()
            if not page:
                return
            for (path,) in page:
                yield path
            last = page[-1][0]

    def count(self) -> int:
        """How many documents can be found."""
        with self._failing():
            return int(self._db.execute("SELECT count(*) FROM documents WHERE error IS NULL").fetchone()[0])

    def removed(self) -> int:
        """How many documents this task has removed, in all of its attempts."""
        with self._failing():
            row = self._db.execute("SELECT removed FROM removals WHERE task_id = ?", (self._task_id,)).fetchone()
        return row[0] if row else 0

    # -- changes, each of them whole or not at all ---------------------------------------------------

    def put(self, path: str, digest: bytes, found: Document) -> None:
        """Take in a document in place of what was known of its path."""
        with self._transaction():
            number = self._record(path, digest, None)
            self._db.execute(
                "INSERT INTO texts (rowid, title, body) VALUES (?, ?, ?)", (number, found.title, found.text)
            )

    def put_failure(self, path: str, digest: bytes, error: str) -> None:
        """Keep that this content cannot be read; what an older one had in it is found no longer."""
        with self._transaction():
            self._record(path, digest, error)

    def forget(self, path: str) -> None:
        """Take out what is known of a path, if anything is."""
        with self._transaction():
            self._forget(path)

    def remove(self, paths: Sequence[str]) -> None:
        """Take out these, and count those of them that could be found as removed by this task."""
        with self._transaction():
            count = sum(self._forget(path) for path in paths)
            self._db.execute(
                "INSERT INTO removals VALUES (?, ?) ON CONFLICT DO UPDATE SET removed = removed + excluded.removed",
                (self._task_id, count),
            )

    def _record(self, path: str, digest: bytes, error: str | None) -> int:
        self._forget(path)
        cursor = self._db.execute(
            "INSERT INTO documents (path, digest, task_id, error) VALUES (?, ?, ?, ?)",
            (path, digest, self._task_id, error),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT has one
        return cursor.lastrowid

    def _forget(self, path: str) -> bool:
        """Whether it could be found until now."""
        row = self._db.execute("DELETE FROM documents WHERE path = ? RETURNING id, error", (path,)).fetchone()
        if row is None:
            return False
        self._db.execute("DELETE FROM texts WHERE rowid = ?", (row[0],))
        return row[1] is None

    # -- the file --------------------------------------------------------------------------------------

    def _opened(self, folder: str, rebuild: bool) -> sqlite3.Connection:
        try:
            db = self._connect(folder)
            owner, rebuilt_by = db.execute("SELECT folder, rebuilt_by FROM about").fetchone()
        except sqlite3.DatabaseError as error:
            if not rebuild or isinstance(error, sqlite3.OperationalError):
                raise self._failure(error) from error
            return self._anew(folder)
        if rebuild and rebuilt_by != self._task_id:
            db.close()
            return self._anew(folder)
        if owner != folder:
            db.close()
            raise TaskFailed(
                f"the index {self._file.stem!r} is that of the folder {owner!r}, not of {folder!r}: "
                "choose another name for this one, or rebuild it"
            )
        return db

    def _anew(self, folder: str) -> sqlite3.Connection:
        for name in (f"{self._file.name}-wal", f"{self._file.name}-shm", self._file.name):
            self._file.with_name(name).unlink(missing_ok=True)
        try:
            db = self._connect(folder)
            db.execute("UPDATE about SET rebuilt_by = ?", (self._task_id,))
        except sqlite3.DatabaseError as error:
            raise self._failure(error) from error
        return db

    def _connect(self, folder: str) -> sqlite3.Connection:
        db = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")  # whoever searches and whoever writes do not wait for each other
            db.execute("PRAGMA synchronous = NORMAL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise sqlite3.NotSupportedError(f"it is of version {version}, not {VERSION}")
            if version == 0:
                _make(db, folder)
        except BaseException:
            db.close()
            raise
        return db

    def _failure(self, error: sqlite3.Error) -> TaskFailed:
        hint = "" if isinstance(error, sqlite3.OperationalError) else "; submit it with rebuild to begin anew"
        return TaskFailed(f"the index {self._file.name} cannot be used: {error}{hint}")

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._failing():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # a full disk has ended it already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")


def _make(db: sqlite3.Connection, folder: str) -> None:
    """All of the tables or none: whoever finds a file without them makes them."""
    db.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        db.execute(statement)
    db.execute("INSERT INTO about VALUES (?, NULL)", (folder,))
    db.execute("COMMIT")
