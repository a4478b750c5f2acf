"""The random id of a journal, and when it has to change.

Under `synchronous=NORMAL` a commit survives the end of the process but not a loss of power, after which
the journal may have gone back by some events: numbers that clients have seen would be given out again.
So each process leaves a row while it has the journal open. A row of another boot of the machine means that
the process had no time to take it away: the journal gets a new epoch, and clients start over.
"""

from __future__ import annotations

import uuid
from contextlib import closing

from sqlalchemy import bindparam, delete, insert, select

from api.store.engine import BEGIN_WRITE, Connection, Database, Row
from api.store.process import boot_id, has_ended, this_process
from api.store.statement import Statement
from api.store.tables import journal, openings

_PATIENCE = 10.0
"""Seconds that opening and closing wait for another process' lock."""

_CURRENT = Statement(select(journal.c.epoch))
_FORGET = Statement(delete(journal))
_BEGIN = Statement(insert(journal).values(id=1, epoch=bindparam("epoch")))
_OPENINGS = Statement(select(openings.c.id, openings.c.boot_id, openings.c.process, openings.c.synchronous))
_OPEN = Statement(insert(openings).values({column.name: bindparam(column.name) for column in openings.c}))
_CLOSE = Statement(delete(openings).where(openings.c.id == bindparam("opening")))


def current(connection: Connection) -> str:
    """The epoch that the journal has."""
    row = connection.row(_CURRENT)
    return str(row[0]) if row is not None else ""


def enter(database: Database) -> str:
    """Note that this process opens the journal; the opening's id. A journal that may have lost events, or
    is new, gets its epoch here. Committed with FULL, by which what a killed process left is durable too."""
    with closing(database.connect(busy_timeout=_PATIENCE, synchronous="FULL")) as connection:
        connection.execute(BEGIN_WRITE)
        _settle(connection, boot_id())
        opening = str(uuid.uuid4())
        values = {"id": opening, "boot_id": boot_id(), "process": this_process()}
        connection.change(_OPEN, values | {"synchronous": database.synchronous})
        connection.execute("COMMIT")
    return opening


def leave(database: Database, opening: str) -> None:
    """Note that this process has closed the journal, in a commit that makes all before it durable."""
    with closing(database.connect(busy_timeout=_PATIENCE, synchronous="FULL")) as connection:
        connection.change(_CLOSE, {"opening": opening})
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def touch(connection: Connection) -> None:
    """Add an opening and take it away: the pages go to the log all the same, or there is no room for them."""
    connection.change(_OPEN, {"id": "touch", "boot_id": None, "process": "", "synchronous": "FULL"})
    connection.change(_CLOSE, {"opening": "touch"})


def renew(connection: Connection) -> None:
    """Give the journal another epoch."""
    connection.change(_FORGET, {})
    connection.change(_BEGIN, {"epoch": uuid.uuid4().hex})


def _settle(connection: Connection, boot: str | None) -> None:
    """Take away the openings that have ended without doing so, and draw the conclusion."""
    found = list(connection.rows(_OPENINGS))
    if any(_lost_power(row, boot) for row in found) or not current(connection):
        renew(connection)
    for row in found:
        if row[1] != boot or has_ended(row[2]):
            connection.change(_CLOSE, {"opening": row[0]})


def _lost_power(opening: Row, boot: str | None) -> bool:
    _, its_boot, _, synchronous = opening
    return bool(its_boot != boot and synchronous != "FULL")
