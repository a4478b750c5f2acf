"""Tasks: row ↔ value, and the SQL for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, literal_column, or_, select, tuple_, update

from api.domain.dependency import OnParentFailure
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Pending
from api.store.engine import Row
from api.store.statement import Statement
from api.store.tables import task_tags, tasks
from api.store.values import from_json, micros, moment, to_json

FIELDS = tuple(field.name for field in fields(Task))

RANK = "rank"
"""A column that follows from priority and age: written with them, never read into a task."""

MUTABLE = (
    "status",
    "progress_percent",
    "current_iteration",
    "max_iterations",
    "message",
    "metrics",
    "eta_seconds",
    "attempt",
    "pending_command",
    "worker",
    "lease_id",
    "started_at",
    "completed_at",
    "result",
    "error",
    "artifact_dir",
    "last_seq",
    "due_at",
    "waiting_on",
    "stalled",
    "heard_at",
    "usual_silence",
    "worked_seconds",
    "working_since",
)
"""What an append writes of a task. The rest is written by `save_task` only: it belongs to people;
`trimmed_seq` by `trim` only."""

_DECODE: dict[str, Callable[[Any], Any]] = {
    "created_at": moment,
    "started_at": moment,
    "completed_at": moment,
    "params": from_json,
    "tags": lambda text: tuple(from_json(text)),
    "metrics": from_json,
    "result": from_json,
    "status": Status,
    "run_at": moment,
    "due_at": moment,
    "heard_at": moment,
    "working_since": moment,
    "depends_on": lambda text: tuple(from_json(text)),
    "waiting_on": lambda text: tuple(from_json(text)),
    "stalled": bool,
    "on_parent_failure": OnParentFailure,
}
_DECODERS = tuple((FIELDS.index(name), decode) for name, decode in _DECODE.items())
_TIMES = frozenset({"created_at", "started_at", "completed_at", "run_at", "due_at", "heard_at", "working_since"})
_JSON = frozenset({"params", "tags", "metrics", "result", "depends_on", "waiting_on"})
_VALUES = attrgetter(*FIELDS)
_PARAMS = FIELDS.index("params")
_ENCODERS = tuple(
    (index, micros if name in _TIMES else to_json, "{}" if name in ("metrics", "result") else "[]")
    for index, name in enumerate(FIELDS)
    if name in _TIMES | _JSON - {"params"}
)


def from_row(row: Row) -> Task:
    """A row of `COLUMNS` as a task."""
    values = list(row)
    for index, decode in _DECODERS:
        if values[index] is not None:
            values[index] = decode(values[index])
    return Task(*values)


def to_waiting(row: Row) -> Pending:
    """A row of `WAITING`."""
    task_id, type_, owner, size, worked, due_at, waiting_on = row
    return Pending(
        task_id, type_, owner, size, worked, None if due_at is None else moment(due_at), tuple(from_json(waiting_on))
    )


def to_columns(task: Task) -> dict[str, Any]:
    """Column name → value, of every column."""
    return to_values(task) | {RANK: micros(task.urgency[0])}


def to_values(task: Task, names: tuple[str, ...] = FIELDS) -> dict[str, Any]:
    """Column name → what is stored there."""
    values = {name: getattr(task, name) for name in names}
    for name in names:
        value = values[name]
        if value is None:
            continue
        if name in _JSON:
            values[name] = to_json(value)
        elif name in _TIMES:
            values[name] = micros(value)
    return values


def to_row(task: Task, encoded: dict[int, str]) -> list[Any]:
    """The values of every column, in their order. `encoded` keeps the text of params that tasks share."""
    values = list(_VALUES(task))
    for index, encode, empty in _ENCODERS:
        value = values[index]
        if value is not None:
            values[index] = encode(value) if value else empty
    values[_PARAMS] = encoded.get(id(task.params)) or encoded.setdefault(id(task.params), to_json(task.params))
    values.append(micros(task.urgency[0]))
    return values


def _set(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


COLUMNS = [tasks.c[name] for name in FIELDS]
_ID = tasks.c.id == bindparam("task_id")
_OLDEST = (tasks.c.created_at, tasks.c.id)
_PENDING = tasks.c.status == literal_column("'pending'")  # literally, else the partial index is not used

BY_ID = Statement(select(*COLUMNS).where(_ID))
ADD = Statement(insert(tasks).values(_set((*FIELDS, RANK))))
SAVE = Statement(update(tasks).where(_ID).values(_set((*(n for n in FIELDS if n not in ("id", "trimmed_seq")), RANK))))
_FOLLOWS = update(tasks).where(_ID, tasks.c.last_seq == bindparam("previous_seq"))
ADVANCE = Statement(
    _FOLLOWS.where(tasks.c.status == bindparam("status")).values(
        _set(tuple(name for name in MUTABLE if name != "status"))
    )
)
"""For a task whose status stays: naming the column has SQLite renew its entries in two indexes (15 µs)."""
ADVANCE_STATUS = Statement(_FOLLOWS.values(_set(MUTABLE)))
DELETE = Statement(delete(tasks).where(_ID))
COUNT = Statement(select(func.count()).select_from(tasks).where(tasks.c.status == bindparam("status")))
_FREE = and_(_PENDING, tasks.c.waiting_on == literal_column("'[]'"))
_DUE = and_(_FREE, or_(tasks.c.due_at.is_(None), tasks.c.due_at <= bindparam("at")))
NEXT_DUE = Statement(
    select(func.min(tasks.c.due_at)).where(_FREE, tasks.c.due_at.is_not(None), tasks.c.due_at > bindparam("at"))
)
# Of those that run, external tasks hold no worker: they are passed over. An index of those with a lease would have
# to be written with each of their events.
HELD = Statement(
    select(*COLUMNS)
    .where(tasks.c.status.in_([literal_column("'running'"), literal_column("'paused'")]), tasks.c.lease_id.is_not(None))
    .order_by(*_OLDEST)
)
_WAITING = ("id", "type", "owner", "size", "worked_seconds", "due_at", "waiting_on")
WAITING = Statement(
    select(*(tasks.c[name] for name in _WAITING))
    .where(_PENDING)
    .order_by(tasks.c.rank, tasks.c.id)
    .limit(bindparam("limit"))
)
RUNS = Statement(
    select(tasks.c.size, tasks.c.worked_seconds)
    .where(
        tasks.c.type == bindparam("type"),
        tasks.c.status == literal_column("'completed'"),  # these two literally, for the partial index
        tasks.c.worked_seconds.is_not(None),
    )
    .order_by(tasks.c.completed_at.desc())
    .limit(bindparam("limit"))
)
WITH_STATUS = Statement(select(*COLUMNS).where(tasks.c.status == bindparam("status")).order_by(*_OLDEST))
AHEAD = Statement(
    select(func.count())
    .select_from(tasks)
    .where(_DUE, tuple_(tasks.c.rank, tasks.c.id) < tuple_(bindparam("rank"), bindparam("task_id")))
)


@cache  # a shape for each number of types and owners that are at their limit
def next_pending(types: int, owners: int) -> Statement:
    """The most urgent one that is due, but of the types `type_0` … and the owners `owner_0` …"""
    query = select(*COLUMNS).where(_DUE)
    if types:
        query = query.where(tasks.c.type.not_in([bindparam(f"type_{n}") for n in range(types)]))
    if owners:
        query = query.where(tasks.c.owner.not_in([bindparam(f"owner_{n}") for n in range(owners)]))
    return Statement(query.order_by(tasks.c.rank, tasks.c.id).limit(literal_column("1")))


CHUNK = 64
"""Ids per query of `LAST_SEQS`; a shorter list is filled up by repeating one."""
LAST_SEQS = Statement(
    select(tasks.c.id, tasks.c.last_seq).where(tasks.c.id.in_([bindparam(f"id_{n}") for n in range(CHUNK)]))
)

ADD_TAG = Statement(insert(task_tags).values(tag=bindparam("tag"), task_id=bindparam("task_id")))
CLEAR_TAGS = Statement(delete(task_tags).where(task_tags.c.task_id == bindparam("task_id")))


def oldest_first(task: Task) -> tuple[datetime, str]:
    return task.created_at, task.id
