"""What may be done inside one read or write of the SQL store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

from api.domain.estimate import Run
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import IdempotentRequest, Pending, Stretch, TaskFilter, TaskPage
from api.store import events, guards, listing, requests, tasks, trimming
from api.store.batches import DROP_EMPTY_BATCH, BatchRows
from api.store.devices import DeviceRows
from api.store.engine import Connection, Row
from api.store.epoch import touch
from api.store.failures import is_duplicate
from api.store.parcels import ParcelRows
from api.store.rule_outcomes import RuleOutcomeRows
from api.store.rules import RuleRows
from api.store.schedules import ScheduleRows
from api.store.statement import Statement
from api.store.values import micros, moment

_STATUS = frozenset({EventType.STATUS_CHANGE, EventType.ERROR})


class SqlTransaction(BatchRows, ScheduleRows, ParcelRows, DeviceRows, RuleRows, RuleOutcomeRows):
    """The protocol `ports.Transaction` on a connection that stands inside a transaction."""

    __slots__ = ("_connection", "_epoch", "_writable")

    def __init__(self, connection: Connection, *, epoch: str, writable: bool) -> None:
        self._connection = connection
        self._epoch = epoch
        self._writable = writable

    # -- reading

    def task(self, task_id: str) -> Task | None:
        return self._one_task(tasks.BY_ID, task_id=task_id)

    def tasks(self, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        values = listing.values_of(where)
        shape = frozenset(values)
        (total,) = self._connection.row(listing.total(shape), **values) or (0,)
        if cursor is not None:
            after = listing.from_cursor(cursor)
            values |= {"created_at": after.created_at, "task_id": after.task_id}
        page = listing.page(shape, further=cursor is not None)
        found = [tasks.from_row(row) for row in self._connection.rows(page, limit=limit + 1, **values)]
        return listing.cut(found, total, limit)

    def count(self, status: Status) -> int:
        return self._number(tasks.COUNT, status=str(status))

    def next_pending(
        self, at: datetime, *, without_types: Sequence[str] = (), without_owners: Sequence[str] = ()
    ) -> Task | None:
        values: dict[str, Any] = {f"type_{n}": name for n, name in enumerate(without_types)}
        values |= {f"owner_{n}": name for n, name in enumerate(without_owners)}
        query = tasks.next_pending(len(without_types), len(without_owners))
        return self._one_task(query, at=micros(at), **values)

    def next_due(self, at: datetime) -> datetime | None:
        row = self._connection.row(tasks.NEXT_DUE, at=micros(at))
        return moment(row[0]) if row is not None and row[0] is not None else None

    def queue_position(self, task: Task, at: datetime) -> int | None:
        if not task.is_due(at):
            return None
        rank, task_id = task.urgency
        return self._number(tasks.AHEAD, at=micros(at), rank=micros(rank), task_id=task_id) + 1

    def pending(self, *, limit: int) -> list[Pending]:
        return [tasks.to_waiting(row) for row in self._connection.rows(tasks.WAITING, limit=limit)]

    def held(self) -> list[Task]:
        return [tasks.from_row(row) for row in self._connection.rows(tasks.HELD)]

    def runs(self, type_: str, *, limit: int) -> list[Run]:
        return [Run(*row) for row in self._connection.rows(tasks.RUNS, type=type_, limit=limit)]

    def with_status(self, statuses: Sequence[Status]) -> list[Task]:
        found = [
            tasks.from_row(row)
            for status in set(statuses)
            for row in self._connection.rows(tasks.WITH_STATUS, status=str(status))
        ]
        return sorted(found, key=tasks.oldest_first)

    def events(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[Event]:
        return [events.from_row(row) for row in self._event_rows(task_id, after, limit, types)]

    def envelopes(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[str]:
        return [events.to_envelope(row) for row in self._event_rows(task_id, after, limit, types)]

    def latest_event(self, task_id: str, types: Sequence[EventType], *, upto: int) -> Event | None:
        # One look into the index per type; asked for all at once, SQLite would sort every event of them.
        rows = [self._connection.row(events.LATEST, task_id=task_id, type=str(type_), upto=upto) for type_ in types]
        found = [events.from_row(row) for row in rows if row is not None]
        return max(found, key=lambda event: event.seq, default=None)

    def count_events(self, task_id: str, type_: EventType, *, after: int, upto: int) -> int:
        return self._number(events.COUNT, task_id=task_id, type=str(type_), after=after, upto=upto)

    def last_seqs(self, task_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for start in range(0, len(task_ids), tasks.CHUNK):
            chunk = list(task_ids[start : start + tasks.CHUNK])
            chunk += chunk[:1] * (tasks.CHUNK - len(chunk))
            values = {f"id_{n}": task_id for n, task_id in enumerate(chunk)}
            found.update(self._connection.rows(tasks.LAST_SEQS, **values))
        return found

    def epoch(self) -> str:
        return self._epoch

    def idempotent(self, owner: str, key: str) -> IdempotentRequest | None:
        row = self._connection.row(requests.FIND, owner=owner, key=key)
        return IdempotentRequest(*row) if row is not None else None

    def stretches(
        self, *, longer_than: int, created_before: datetime | None = None, after: Stretch | None = None, limit: int
    ) -> list[Stretch]:
        values: dict[str, Any] = {"events": longer_than, "limit": limit}
        if created_before is not None:
            values["before"] = micros(created_before)
        if after is not None:
            values |= {"created_at": micros(after.created_at), "task_id": after.task_id}
        query = trimming.longer_than(aged=created_before is not None, further=after is not None)
        return [trimming.from_row(row) for row in self._connection.rows(query, **values)]

    def expired(self, task_id: str, before: datetime, *, limit: int) -> int | None:
        stretch = self._stretch(task_id)
        if stretch is None:
            return None
        ages = self._connection.rows(trimming.AGES, task_id=task_id, after=stretch.trimmed_seq, limit=limit)
        old = list(takewhile(lambda row: row[1] < micros(before), ages))
        return int(old[-1][0]) if old else None

    # -- writing

    def touch(self) -> None:
        guards.must_be_writable(self._writable)
        touch(self._connection)

    def add_task(self, task: Task) -> None:
        self._insert(tasks.ADD, tasks.to_columns(task), guards.exists(task))
        self._index_tags(task)

    def save_task(self, task: Task) -> None:
        guards.must_be_writable(self._writable)
        if not self._connection.change(tasks.SAVE, {"task_id": task.id, **tasks.to_columns(task)}):
            raise guards.missing(task.id)
        self._connection.change(tasks.CLEAR_TAGS, {"task_id": task.id})
        self._index_tags(task)

    def append(self, task: Task, events_: Sequence[Event]) -> None:
        guards.must_be_writable(self._writable)
        values = tasks.to_values(task, tasks.MUTABLE)
        values["previous_seq"] = guards.must_continue(task, events_)
        values["task_id"] = task.id
        change = self._connection.change
        stays = not _STATUS.intersection(event.type for event in events_)
        if not (stays and change(tasks.ADVANCE, values)) and not change(tasks.ADVANCE_STATUS, values):
            raise guards.outrun(task)
        self._connection.change_many(events.ADD, [events.to_row(event) for event in events_])

    def delete_task(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(events.DELETE, {"task_id": task_id})
        task = self.task(task_id)
        self._connection.change(tasks.DELETE, {"task_id": task_id})  # tags, keys and names go with it
        if task is not None and task.batch_id is not None:
            self._connection.change(DROP_EMPTY_BATCH, {"batch_id": task.batch_id})

    def trim(self, task_id: str, upto: int) -> int:
        guards.must_be_writable(self._writable)
        stretch = self._stretch(task_id)
        if stretch is None or (upto := min(upto, stretch.last_seq)) <= stretch.trimmed_seq:
            return 0
        latest = self._connection.row(trimming.LATEST, task_id=task_id) or ()
        kept = {f"kept_{n}": seq for n, seq in enumerate(latest)}
        self._connection.change(trimming.NOTE, {"task_id": task_id, "upto": upto})
        return self._connection.change(trimming.REMOVE, {"task_id": task_id, "upto": upto, **kept})

    def forget_requests(self, before: datetime, *, limit: int) -> int:
        guards.must_be_writable(self._writable)
        return self._connection.change(requests.FORGET, {"before": micros(before), "limit": limit})

    def remember(self, owner: str, key: str, request: IdempotentRequest, at: datetime) -> None:
        values = {
            "owner": owner,
            "key": key,
            "body_hash": request.body_hash,
            "task_id": request.task_id,
            "created_at": micros(at),
        }
        self._insert(requests.ADD, values, guards.key_used(key))

    # -- helpers

    def _one_task(self, query: Statement, **values: Any) -> Task | None:
        row = self._connection.row(query, **values)
        return tasks.from_row(row) if row is not None else None

    def _event_rows(self, task_id: str, after: int, limit: int, types: Sequence[EventType] | None) -> Iterable[Row]:
        if types is not None and not types:
            return ()
        wanted = {f"type_{n}": str(type_) for n, type_ in enumerate(types or ())}
        query = events.after(len(wanted))
        return self._connection.rows(query, task_id=task_id, after=after, limit=limit, **wanted)

    def _stretch(self, task_id: str) -> Stretch | None:
        row = self._connection.row(trimming.STRETCH, task_id=task_id)
        return trimming.from_row(row) if row is not None else None

    def _number(self, query: Statement, **values: Any) -> int:
        row = self._connection.row(query, **values)
        return int(row[0]) if row is not None else 0

    def _insert(self, statement: Statement, values: dict[str, Any], duplicate: Exception) -> None:
        guards.must_be_writable(self._writable)
        try:
            self._connection.change(statement, values)
        except sqlite3.IntegrityError as error:
            raise duplicate if is_duplicate(error) else error from None

    def _index_tags(self, task: Task) -> None:
        if task.tags:
            self._connection.change_many(tasks.ADD_TAG, [(tag, task.id) for tag in set(task.tags)])
