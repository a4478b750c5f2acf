"""Batches, dependencies and continuations: the SQL for them, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, exists, func, insert, select, update

from api.domain.batch import Batch, BatchState, Share
from api.domain.dependency import Continuation, Follow
from api.domain.event import Event
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.store import events, guards, tasks
from api.store.engine import Connection, Row
from api.store.statement import Statement
from api.store.tables import batches, continuations, dependencies
from api.store.tables import tasks as task_table
from api.store.values import micros, moment

_TASK_ID: BindParameter[str] = bindparam("task_id")
_BATCH_ID: BindParameter[str] = bindparam("batch_id")
_OF_BATCH = task_table.c.batch_id == _BATCH_ID

ADD_EDGE = Statement(insert(dependencies).values(parent_id=bindparam("parent_id"), child_id=bindparam("child_id")))
DEPENDANTS = Statement(
    select(dependencies.c.child_id)
    .where(dependencies.c.parent_id == _TASK_ID, dependencies.c.child_id > bindparam("after"))
    .order_by(dependencies.c.child_id)
    .limit(bindparam("limit"))
)
DROP_EDGES = Statement(delete(dependencies).where(dependencies.c.child_id == _TASK_ID))

ADD_BATCH = Statement(insert(batches).values({column.name: bindparam(column.name) for column in batches.c}))
BATCH = Statement(select(*batches.c).where(batches.c.id == _BATCH_ID))
SHARES = Statement(
    select(task_table.c.status, func.count(), func.sum(task_table.c.progress_percent))
    .where(_OF_BATCH)
    .group_by(task_table.c.status)
)
BATCH_IDS = Statement(select(task_table.c.id).where(_OF_BATCH).order_by(task_table.c.created_at, task_table.c.id))
BATCH_TASKS = Statement(
    select(*tasks.COLUMNS)
    .where(_OF_BATCH, task_table.c.id > bindparam("after"))
    .order_by(task_table.c.id)
    .limit(bindparam("limit"))
)
DROP_EMPTY_BATCH = Statement(delete(batches).where(batches.c.id == _BATCH_ID, ~exists().where(_OF_BATCH)))

_CONTENT = ("kind", "subject", "other", "after")
DEFER = Statement(insert(continuations).values({name: bindparam(name) for name in _CONTENT}))
_COLUMNS = [continuations.c[name] for name in (*_CONTENT, "id")]
_CONTINUATION = continuations.c.id == bindparam("number")
ADVANCE = Statement(update(continuations).where(_CONTINUATION).values(after=bindparam("after")))
DONE = Statement(delete(continuations).where(_CONTINUATION))


def _of_kinds(count: int) -> Statement:
    wanted = continuations.c.kind.in_([bindparam(f"kind_{number}") for number in range(count)])
    return Statement(select(*_COLUMNS).where(wanted).order_by(continuations.c.id).limit(bindparam("limit")))


OF_KINDS = tuple(_of_kinds(count) for count in range(len(Follow) + 1))


class BatchRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def batch(self, batch_id: str) -> BatchState | None:
        row = self._connection.row(BATCH, batch_id=batch_id)
        if row is None:
            return None
        shares = self._connection.rows(SHARES, batch_id=batch_id)
        return BatchState(_batch(row), {Status(status): Share(count, percent) for status, count, percent in shares})

    def batch_task_ids(self, batch_id: str) -> list[str]:
        return [task_id for (task_id,) in self._connection.rows(BATCH_IDS, batch_id=batch_id)]

    def batch_tasks(self, batch_id: str, *, after: str, limit: int) -> list[Task]:
        rows = self._connection.rows(BATCH_TASKS, batch_id=batch_id, after=after, limit=limit)
        return [tasks.from_row(row) for row in rows]

    def dependants(self, task_id: str, *, after: str = "", limit: int) -> list[str]:
        rows = self._connection.rows(DEPENDANTS, task_id=task_id, after=after, limit=limit)
        return [child_id for (child_id,) in rows]

    def continuations(self, kinds: Sequence[Follow], *, limit: int) -> list[Continuation]:
        wanted = {f"kind_{number}": str(kind) for number, kind in enumerate(kinds)}
        rows = self._connection.rows(OF_KINDS[len(kinds)], limit=limit, **wanted)
        return [Continuation(Follow(kind), *rest) for kind, *rest in rows]

    def add_tasks(self, new: Sequence[Task], first: Sequence[Event]) -> None:
        guards.must_be_writable(self._writable)
        encoded: dict[int, str] = {}
        many = self._connection.change_many
        many(tasks.ADD, (tasks.to_row(task, encoded) for task in new))
        many(tasks.ADD_TAG, ((tag, task.id) for task in new for tag in set(task.tags)))
        many(ADD_EDGE, _edges(new))
        many(events.ADD, (events.to_row(event) for event in first))

    def add_batch(self, batch: Batch) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADD_BATCH, _batch_values(batch))

    def depend(self, task: Task, parent_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADD_EDGE, {"parent_id": parent_id, "child_id": task.id})

    def drop_dependencies(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DROP_EDGES, {"task_id": task_id})

    def defer(self, continuation: Continuation) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DEFER, {name: str(getattr(continuation, name)) for name in _CONTENT})

    def advance(self, continuation: Continuation, after: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADVANCE, {"number": continuation.id, "after": after})

    def done(self, continuation: Continuation) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DONE, {"number": continuation.id})


def _edges(new: Iterable[Task]) -> Iterator[tuple[str, str]]:
    return ((parent_id, task.id) for task in new if task.waiting_on for parent_id in task.depends_on)


def _batch(row: Row) -> Batch:
    id_, owner, created_at, name, size = row
    return Batch(id_, owner, moment(created_at), name, size)


def _batch_values(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "owner": batch.owner,
        "created_at": micros(batch.created_at),
        "name": batch.name,
        "size": batch.size,
    }
