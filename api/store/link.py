"""A thread's connection through all its failures."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from api.store.engine import Connection, Database
from api.store.epoch import current
from api.store.failures import is_locked, unavailable
from api.store.transaction import SqlTransaction


class Link:
    """Opened when first needed, and again after `drop` or when another file stands at the path."""

    def __init__(self, database: Database, *, busy_timeout: float, writable: bool) -> None:
        self._database = database
        self._busy_timeout = busy_timeout
        self._writable = writable
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._epoch = ""

    def connection(self) -> Connection:
        """A connection to the file that stands at the path now. `Unavailable` or an error of the driver."""
        identity = self._database.identity()
        if identity != self._identity:
            self.drop()
        if self._connection is None:
            self._connection = self._open()
            self._identity = identity
        return self._connection

    def transaction(self, connection: Connection) -> SqlTransaction:
        return SqlTransaction(connection, epoch=self._epoch, writable=self._writable)

    def drop(self) -> None:
        """Close the connection; what its transaction did is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # it is being dropped because it is broken
                connection.close()

    def _open(self) -> Connection:
        connection = self._database.connect(busy_timeout=self._busy_timeout, read_only=not self._writable)
        try:
            self._epoch = current(connection)
        except sqlite3.Error as error:
            connection.close()
            raise error if is_locked(error) else unavailable(error) from error
        return connection
