"""How connections to the database are made: the place that knows SQLite."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Dialect, Engine, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from api.errors import ConfigError, Unavailable
from api.store.failures import is_locked, unavailable
from api.store.statement import Statement

Row = tuple[Any, ...]
BEGIN_WRITE = "BEGIN IMMEDIATE"
BEGIN_READ = "BEGIN"
SYNCHRONOUS = ("NORMAL", "FULL")
WAL_RETRY = 0.01
"""Seconds between two tries to turn on the write-ahead log."""


class Connection:
    """One connection of the driver, in the hands of one thread. Transactions are begun and ended by hand."""

    __slots__ = ("_dialect", "_raw")

    def __init__(self, raw: sqlite3.Connection, dialect: Dialect) -> None:
        self._raw = raw
        self._dialect = dialect

    def execute(self, sql: str) -> None:
        """Run text without values: BEGIN, SAVEPOINT, PRAGMA and the like."""
        self._raw.execute(sql)

    def rows(self, statement: Statement, **values: Any) -> Iterator[Row]:
        """Lazily: the driver gives up the GIL at every row, so that the hub gets its turn in a long read."""
        compiled = statement.on(self._dialect)
        return self._raw.execute(compiled.sql, compiled.positional(values))

    def row(self, statement: Statement, **values: Any) -> Row | None:
        return next(self.rows(statement, **values), None)

    def change(self, statement: Statement, values: dict[str, Any]) -> int:
        """Run a write; how many rows it hit."""
        compiled = statement.on(self._dialect)
        return self._raw.execute(compiled.sql, compiled.positional(values)).rowcount

    def change_many(self, statement: Statement, rows: Iterable[Sequence[Any]]) -> None:
        """Run a write once per row; the values in the order of the statement's columns."""
        self._raw.executemany(statement.on(self._dialect).sql, rows)

    @property
    def in_transaction(self) -> bool:
        return self._raw.in_transaction

    @property
    def changes(self) -> int:
        """How many rows this connection has changed since it was opened."""
        return self._raw.total_changes

    def close(self) -> None:
        self._raw.close()


class Database:
    """A SQLite file in WAL mode."""

    def __init__(self, url: str, *, synchronous: str = "NORMAL") -> None:
        if synchronous not in SYNCHRONOUS:
            raise ConfigError(f"synchronous must be one of {', '.join(SYNCHRONOUS)}, not {synchronous!r}")
        self.path = _file_of(url)
        self.synchronous = synchronous
        self.dialect: Dialect = sqlite.dialect()

    def create(self, *, patience: float) -> None:
        """Make the file and its folder where they are missing, and turn on WAL, which the file remembers.

        `Unavailable` when others keep it locked for `patience` seconds.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            mode = self._turn_on_wal(patience)
        except (OSError, sqlite3.DatabaseError) as error:
            if is_locked(error):
                raise unavailable(error) from error
            raise ConfigError(f"the database {self.path} cannot be opened: {error}") from error
        if mode != "wal":
            raise ConfigError(f"{self.path}: SQLite cannot keep a write-ahead log there; use a local disk")

    def _turn_on_wal(self, patience: float) -> str:
        """The mode that the file is in then. Of several who do this to a new file at once SQLite refuses some as
        locked, whatever their busy timeout."""
        deadline = time.monotonic() + patience
        while True:
            try:
                with closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as raw:
                    (mode,) = raw.execute("PRAGMA journal_mode=WAL").fetchone()
                    return str(mode)
            except sqlite3.OperationalError as error:
                if not is_locked(error) or time.monotonic() > deadline:
                    raise
            time.sleep(WAL_RETRY)

    def connect(self, *, busy_timeout: float, read_only: bool = False, synchronous: str | None = None) -> Connection:
        """Open the file, which must exist; statements wait `busy_timeout` seconds for another one's lock."""
        return Connection(self.driver_connection(busy_timeout, read_only, synchronous), self.dialect)

    def driver_connection(
        self, busy_timeout: float, read_only: bool = False, synchronous: str | None = None
    ) -> sqlite3.Connection:
        # Not `mode=ro`: a reader of a WAL file maps its index for writing. `query_only` refuses writes.
        raw = sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True, isolation_level=None)
        raw.execute(f"PRAGMA busy_timeout={int(busy_timeout * 1000)}")
        raw.execute(f"PRAGMA synchronous={synchronous or self.synchronous}")
        raw.execute("PRAGMA foreign_keys=ON")
        raw.execute("PRAGMA cache_size=-16384")  # KiB
        raw.execute("PRAGMA journal_size_limit=67108864")  # a log that one burst blew up shrinks again
        raw.execute("PRAGMA wal_autocheckpoint=65536")  # pages; only for when the checkpointer cannot do it
        if read_only:
            raw.execute("PRAGMA query_only=ON")
        return raw

    def engine(self, *, busy_timeout: float) -> Engine:
        """For alembic; every other connection is a plain `connect`."""
        return create_engine(
            "sqlite://",
            creator=lambda: self.driver_connection(busy_timeout, synchronous="FULL"),
            poolclass=NullPool,
        )

    def identity(self) -> tuple[int, int]:
        """Which file stands at the path now (1.5 µs). `Unavailable` when there is none: a connection that
        is open would go on in the file that was moved away, and what it commits would be lost."""
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise Unavailable(f"the database file {self.path} is gone: {error.strerror}") from error
        return status.st_dev, status.st_ino


def _file_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(f"{url!r} is no database URL: write sqlite:////absolute/path.db") from None
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(f"{parsed.render_as_string()}: this version keeps its journal in SQLite only")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigError(f"{url}: the journal needs a file: write sqlite:////absolute/path.db")
    return Path(parsed.database).absolute()
