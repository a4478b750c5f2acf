"""Trimming: the SQL that finds what history may go, and removes it."""

from __future__ import annotations

from functools import cache

from sqlalchemy import bindparam, delete, func, select, tuple_, update

from api.domain.event import EventType
from api.ports import Stretch
from api.store.engine import Row
from api.store.statement import Statement
from api.store.tables import events, tasks
from api.store.values import moment

KEPT_TYPES = (EventType.STATUS_CHANGE, EventType.ERROR, EventType.PROGRESS)
"""The latest event of each of these always stays: a newcomer learns from them how the task stands or ended."""

_TASK = tasks.c.id == bindparam("task_id")
_OF_TASK = events.c.task_id == bindparam("task_id")
_COLUMNS = (tasks.c.id, tasks.c.created_at, tasks.c.trimmed_seq, tasks.c.last_seq)

STRETCH = Statement(select(*_COLUMNS).where(_TASK))
AGES = Statement(
    select(events.c.seq, events.c.at)
    .where(_OF_TASK, events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)
NOTE = Statement(update(tasks).where(_TASK).values(trimmed_seq=bindparam("upto")))
_LATEST = [
    select(func.coalesce(func.max(events.c.seq), 0)).where(_OF_TASK, events.c.type == str(type_)).scalar_subquery()
    for type_ in KEPT_TYPES
]
LATEST = Statement(select(*_LATEST))
REMOVE = Statement(
    delete(events).where(
        _OF_TASK,
        events.c.seq <= bindparam("upto"),
        events.c.seq.not_in([bindparam(f"kept_{n}") for n in range(len(KEPT_TYPES))]),
    )
)


@cache
def longer_than(*, aged: bool, further: bool) -> Statement:
    """Tasks with more than `events` events that are not trimmed, oldest first: created before `before` when
    `aged`, past `created_at`, `task_id` when `further`. No index says so: each append would have to renew it."""
    query = select(*_COLUMNS).where(tasks.c.last_seq - tasks.c.trimmed_seq > bindparam("events"))
    place = (tasks.c.created_at, tasks.c.id)
    if aged:
        query = query.where(tasks.c.created_at < bindparam("before"))
    if further:
        query = query.where(tuple_(*place) > tuple_(bindparam("created_at"), bindparam("task_id")))
    return Statement(query.order_by(*place).limit(bindparam("limit")))


def from_row(row: Row) -> Stretch:
    task_id, created_at, trimmed_seq, last_seq = row
    return Stretch(task_id, moment(created_at), trimmed_seq, last_seq)
