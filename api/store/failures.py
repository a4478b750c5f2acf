"""Which errors of the driver mean that the database is in trouble, and which that we are."""

from __future__ import annotations

import sqlite3

from api.errors import Unavailable

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OUTAGES = _BUSY | {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}


def _code(error: BaseException) -> int:
    extended: int = getattr(error, "sqlite_errorcode", 0)
    return extended & 0xFF


def is_locked(error: BaseException) -> bool:
    """Somebody else holds the write lock: worth waiting for."""
    return _code(error) in _BUSY


def is_outage(error: BaseException) -> bool:
    """The database cannot do it now, whatever was asked of it."""
    return _code(error) in _OUTAGES


def is_duplicate(error: BaseException) -> bool:
    return isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error)


def unavailable(error: BaseException) -> Unavailable:
    """A new error for one caller, as each raises its own."""
    known = isinstance(error, Unavailable)
    answer = Unavailable(str(error) if known else f"the database cannot be used now: {error}")
    answer.__cause__ = error
    return answer


def for_caller(error: BaseException) -> BaseException:
    """What the caller gets to see: `Unavailable` for an outage, anything else as it is."""
    return unavailable(error) if is_outage(error) else error
