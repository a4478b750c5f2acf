"""Schedules: row ↔ value, the SQL for them, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update

from api.domain.schedule import MissedRuns, Overlap, Schedule, Timing
from api.ports import SchedulePage
from api.store import guards, listing
from api.store.engine import Connection, Row
from api.store.statement import Statement
from api.store.tables import schedules
from api.store.values import from_json, micros, moment, to_json

_ID = schedules.c.id == bindparam("schedule_id")
_NAMES = tuple(column.name for column in schedules.c)
_LATER = tuple(name for name in _NAMES if name not in ("id", "owner", "created_at"))

ADD = Statement(insert(schedules).values({name: bindparam(name) for name in _NAMES}))
SAVE = Statement(
    update(schedules)
    .where(_ID, schedules.c.revision == bindparam("previous"))
    .values({name: bindparam(name) for name in _LATER})
)
DELETE = Statement(delete(schedules).where(_ID))
BY_ID = Statement(select(*schedules.c).where(_ID))
DUE = Statement(
    select(*schedules.c)
    .where(schedules.c.next_run_at <= bindparam("now"))
    .order_by(schedules.c.next_run_at)
    .limit(bindparam("limit"))
)
NEXT = Statement(select(func.min(schedules.c.next_run_at)))


@cache
def page(*, owned: bool, further: bool) -> Statement:
    query = select(*schedules.c)
    if owned:
        query = query.where(schedules.c.owner == bindparam("visible_to"))
    if further:
        place = tuple_(schedules.c.created_at, schedules.c.id)
        query = query.where(place < tuple_(bindparam("created_at"), bindparam("schedule_id")))
    return Statement(query.order_by(schedules.c.created_at.desc(), schedules.c.id.desc()).limit(bindparam("limit")))


@cache
def total(*, owned: bool) -> Statement:
    query = select(func.count()).select_from(schedules)
    return Statement(query.where(schedules.c.owner == bindparam("visible_to")) if owned else query)


class ScheduleRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def schedule(self, schedule_id: str) -> Schedule | None:
        row = self._connection.row(BY_ID, schedule_id=schedule_id)
        return _schedule(row) if row is not None else None

    def schedules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> SchedulePage:
        owned: dict[str, Any] = {} if visible_to is None else {"visible_to": visible_to}
        after: dict[str, Any] = {}
        if cursor is not None:
            position = listing.from_cursor(cursor)
            after = {"created_at": position.created_at, "schedule_id": position.task_id}
        (count,) = self._connection.row(total(owned=bool(owned)), **owned) or (0,)
        query = page(owned=bool(owned), further=bool(after))
        rows = self._connection.rows(query, limit=limit + 1, **owned, **after)
        return cut([_schedule(row) for row in rows], count, limit)

    def due_schedules(self, now: datetime, *, limit: int) -> list[Schedule]:
        return [_schedule(row) for row in self._connection.rows(DUE, now=micros(now), limit=limit)]

    def next_schedule_at(self) -> datetime | None:
        (at,) = self._connection.row(NEXT) or (None,)
        return None if at is None else moment(at)

    def add_schedule(self, schedule: Schedule) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADD, _values(schedule))

    def save_schedule(self, schedule: Schedule) -> bool:
        guards.must_be_writable(self._writable)
        values = _values(schedule) | {"schedule_id": schedule.id, "previous": schedule.revision - 1}
        return bool(self._connection.change(SAVE, values))

    def delete_schedule(self, schedule_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DELETE, {"schedule_id": schedule_id})


def cut(found: list[Schedule], count: int, limit: int) -> SchedulePage:
    """A page of what was found; one more than `limit` says that there is a next one."""
    shown = tuple(found[:limit])
    more = len(found) > limit and shown
    cursor = listing.to_cursor(listing.Position(micros(shown[-1].created_at), shown[-1].id)) if more else None
    return SchedulePage(shown, count, cursor)


def _schedule(row: Row) -> Schedule:
    values = dict(zip(_NAMES, row, strict=True))
    timing = Timing(
        values.pop("cron"), values.pop("every_seconds"), values.pop("timezone"), moment(values.pop("start"))
    )
    for name, decode in _DECODE.items():
        if values[name] is not None:
            values[name] = decode(values[name])
    return Schedule(timing=timing, **values)


def _values(schedule: Schedule) -> dict[str, Any]:
    timing = schedule.timing
    values = {name: getattr(timing if hasattr(timing, name) else schedule, name) for name in _NAMES}
    for name in _TIMES:
        if values[name] is not None:
            values[name] = micros(values[name])
    return values | {"task": to_json(schedule.task)}


_TIMES = ("created_at", "start", "next_run_at", "last_run_at")
_DECODE: dict[str, Callable[[Any], Any]] = {
    "created_at": moment,
    "next_run_at": moment,
    "last_run_at": moment,
    "task": from_json,
    "missed_runs": MissedRuns,
    "overlap": Overlap,
    "paused": bool,
}
