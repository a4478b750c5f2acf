"""Events: row ↔ value, and the SQL for them."""

from __future__ import annotations

from functools import cache
from json.encoder import encode_basestring_ascii as quoted

from sqlalchemy import bindparam, delete, func, insert, select

from api.domain.event import Event, EventType, rfc3339
from api.store.engine import Row
from api.store.statement import Statement
from api.store.tables import events
from api.store.values import from_json, micros, moment, to_json

_COLUMNS = (events.c.task_id, events.c.seq, events.c.type, events.c.data, events.c.at)
_OF_TASK = events.c.task_id == bindparam("task_id")


def from_row(row: Row) -> Event:
    task_id, seq, event_type, data, at = row
    return Event(task_id, seq, EventType(event_type), from_json(data), moment(at))


def to_envelope(row: Row) -> str:
    """What `Event.envelope` is as JSON, without decoding the data, which is JSON as it is stored."""
    task_id, seq, event_type, data, at = row
    return (
        f'{{"task_id":{quoted(task_id)},"seq":{seq},"event_type":"{event_type}","data":{data},'
        f'"timestamp":"{rfc3339(moment(at))}"}}'
    )


def to_row(event: Event) -> Row:
    """The values of `ADD`."""
    return event.task_id, event.seq, str(event.type), to_json(event.data), micros(event.at)


ADD = Statement(insert(events).values({column.name: bindparam(column.name) for column in _COLUMNS}))
DELETE = Statement(delete(events).where(_OF_TASK))
_LATEST_SEQ = select(func.max(events.c.seq)).where(
    _OF_TASK, events.c.type == bindparam("type"), events.c.seq <= bindparam("upto")
)
LATEST = Statement(select(*_COLUMNS).where(_OF_TASK, events.c.seq == _LATEST_SEQ.scalar_subquery()))
"""In two steps: the one that reads backwards until it meets the type is what SQLite would choose itself."""

COUNT = Statement(
    select(func.count())
    .select_from(events)
    .where(_OF_TASK, events.c.type == bindparam("type"))
    .where(events.c.seq > bindparam("after"), events.c.seq <= bindparam("upto"))
)


@cache
def after(types: int) -> Statement:
    """Events past `after`, of any type when `types` is 0, else of the types named type_0, type_1 …"""
    query = select(*_COLUMNS).where(_OF_TASK, events.c.seq > bindparam("after"))
    if types:
        query = query.where(events.c.type.in_([bindparam(f"type_{n}") for n in range(types)]))
    return Statement(query.order_by(events.c.seq).limit(bindparam("limit")))
