"""Announcements between processes: row ↔ value, the SQL for them, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select

from api.domain.announcement import Parcel, Topic
from api.store import guards
from api.store.engine import Connection
from api.store.statement import Statement
from api.store.tables import parcels as table
from api.store.values import from_json, to_json

_NAMES = ("origin", "topic", "owner", "throttle", "count", "items")

ADD = Statement(insert(table).values({name: bindparam(name) for name in _NAMES}))
FORGET = Statement(delete(table).where(table.c.id <= bindparam("upto")))
AFTER = Statement(
    select(table.c.id, table.c.topic, table.c.owner, table.c.throttle, table.c.count, table.c["items"])
    .where(table.c.id > bindparam("after"), table.c.origin != bindparam("without"))
    .order_by(table.c.id)
    .limit(bindparam("limit"))
)
LAST = Statement(select(func.max(table.c.id)))


class ParcelRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def add_parcels(self, origin: str, parcels: Sequence[Parcel], *, keep: int) -> None:
        guards.must_be_writable(self._writable)
        for parcel in parcels:
            self._connection.change(ADD, _values(origin, parcel))
        self._connection.change(FORGET, {"upto": self.last_parcel() - keep})

    def parcels(self, *, after: int, without: str, limit: int) -> list[tuple[int, Parcel]]:
        rows = self._connection.rows(AFTER, after=after, without=without, limit=limit)
        return [
            (number, Parcel(Topic(topic), tuple(from_json(items)), count, owner, bool(throttle)))
            for number, topic, owner, throttle, count, items in rows
        ]

    def last_parcel(self) -> int:
        (last,) = self._connection.row(LAST) or (None,)
        return int(last or 0)


def _values(origin: str, parcel: Parcel) -> dict[str, object]:
    return {
        "origin": origin,
        "topic": str(parcel.topic),
        "owner": parcel.owner,
        "throttle": parcel.throttle,
        "count": parcel.count,
        "items": to_json(list(parcel.items)),
    }
