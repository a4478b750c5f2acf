"""What may be done inside one read or write of the store in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from api.domain.estimate import Run
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import IdempotentRequest, Pending, Stretch, TaskFilter, TaskPage
from api.store import guards, listing
from api.store.memory_batches import MemoryBatchRows
from api.store.memory_devices import MemoryDeviceRows
from api.store.memory_parcels import MemoryParcelRows
from api.store.memory_rules import MemoryRuleRows
from api.store.memory_schedules import MemoryScheduleRows
from api.store.memory_state import State
from api.store.tasks import MUTABLE, oldest_first
from api.store.trimming import KEPT_TYPES
from api.store.values import from_json, to_json


class MemoryTransaction(MemoryBatchRows, MemoryScheduleRows, MemoryParcelRows, MemoryDeviceRows, MemoryRuleRows):
    """The protocol `ports.Transaction` on a `State`."""

    def __init__(self, state: State, *, writable: bool) -> None:
        self._state = state
        self._writable = writable

    # -- reading

    def task(self, task_id: str) -> Task | None:
        return self._state.tasks.get(task_id)

    def tasks(self, where: TaskFilter, *, limit: int, cursor: str | None = None) -> TaskPage:
        after = listing.from_cursor(cursor) if cursor is not None else None
        matching = sorted(self._matching(where), key=oldest_first, reverse=True)
        rest = [task for task in matching if after is None or _older(task, after)]
        return listing.cut(rest, len(matching), limit)

    def count(self, status: Status) -> int:
        return len(self.with_status([status]))

    def next_pending(
        self, at: datetime, *, without_types: Sequence[str] = (), without_owners: Sequence[str] = ()
    ) -> Task | None:
        free = (task for task in self._due(at) if task.type not in without_types and task.owner not in without_owners)
        return min(free, key=lambda task: task.urgency, default=None)

    def next_due(self, at: datetime) -> datetime | None:
        pending = (task for task in self._state.tasks.values() if task.status is Status.PENDING and not task.waiting_on)
        return min((task.due_at for task in pending if task.due_at is not None and task.due_at > at), default=None)

    def queue_position(self, task: Task, at: datetime) -> int | None:
        if not task.is_due(at):
            return None
        return 1 + sum(1 for other in self._due(at) if other.urgency < task.urgency)

    def pending(self, *, limit: int) -> list[Pending]:
        tasks = sorted(self.with_status([Status.PENDING]), key=lambda task: task.urgency)
        return [
            Pending(task.id, task.type, task.owner, task.size, task.worked_seconds, task.due_at, task.waiting_on)
            for task in tasks[:limit]
        ]

    def held(self) -> list[Task]:
        return [task for task in self.with_status([Status.RUNNING, Status.PAUSED]) if task.lease_id is not None]

    def runs(self, type_: str, *, limit: int) -> list[Run]:
        measured = [
            (task.completed_at, Run(task.size, task.worked_seconds))
            for task in self.with_status([Status.COMPLETED])
            if task.type == type_ and task.worked_seconds is not None and task.completed_at is not None
        ]
        return [run for _, run in sorted(measured, key=lambda each: each[0], reverse=True)][:limit]

    def with_status(self, statuses: Sequence[Status]) -> list[Task]:
        found = (task for task in self._state.tasks.values() if task.status in statuses)
        return sorted(found, key=oldest_first)

    def events(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[Event]:
        journal = self._state.journals.get(task_id, ())
        later = (event for event in journal if event.seq > after)
        return [event for event in later if types is None or event.type in types][:limit]

    def envelopes(self, task_id: str, after: int, *, limit: int, types: Sequence[EventType] | None = None) -> list[str]:
        return [to_json(event.envelope()) for event in self.events(task_id, after, limit=limit, types=types)]

    def latest_event(self, task_id: str, types: Sequence[EventType], *, upto: int) -> Event | None:
        journal = self._state.journals.get(task_id, ())
        found = (event for event in reversed(journal) if event.seq <= upto and event.type in types)
        return next(found, None)

    def count_events(self, task_id: str, type_: EventType, *, after: int, upto: int) -> int:
        return sum(
            1 for event in self._state.journals.get(task_id, ()) if event.type is type_ and after < event.seq <= upto
        )

    def last_seqs(self, task_ids: Sequence[str]) -> dict[str, int]:
        known = self._state.tasks
        return {task_id: known[task_id].last_seq for task_id in task_ids if task_id in known}

    def epoch(self) -> str:
        return self._state.epoch

    def idempotent(self, owner: str, key: str) -> IdempotentRequest | None:
        return self._state.requests.get((owner, key))

    def stretches(
        self, *, longer_than: int, created_before: datetime | None = None, after: Stretch | None = None, limit: int
    ) -> list[Stretch]:
        found = [
            Stretch(task.id, task.created_at, task.trimmed_seq, task.last_seq)
            for task in sorted(self._state.tasks.values(), key=oldest_first)
            if task.last_seq - task.trimmed_seq > longer_than
            and (created_before is None or task.created_at < created_before)
            and (after is None or oldest_first(task) > (after.created_at, after.task_id))
        ]
        return found[:limit]

    def expired(self, task_id: str, before: datetime, *, limit: int) -> int | None:
        task = self._state.tasks.get(task_id)
        events = self.events(task_id, task.trimmed_seq, limit=limit) if task else []
        old = list(takewhile(lambda event: event.at < before, events))
        return old[-1].seq if old else None

    # -- writing

    def touch(self) -> None:
        guards.must_be_writable(self._writable)

    def add_task(self, task: Task) -> None:
        guards.must_be_writable(self._writable)
        if task.id in self._state.tasks:
            raise guards.exists(task)
        self._state.tasks[task.id] = _stored_task(task)

    def save_task(self, task: Task) -> None:
        guards.must_be_writable(self._writable)
        if task.id not in self._state.tasks:
            raise guards.missing(task.id)
        trimmed_seq = self._state.tasks[task.id].trimmed_seq
        self._state.tasks[task.id] = replace(_stored_task(task), trimmed_seq=trimmed_seq)

    def append(self, task: Task, events: Sequence[Event]) -> None:
        guards.must_be_writable(self._writable)
        previous = guards.must_continue(task, events)
        stored = self._state.tasks.get(task.id)
        if stored is None or stored.last_seq != previous:
            raise guards.outrun(task)
        news = tuple(replace(event, data=_plain(event.data)) for event in events)
        changes = {name: getattr(_stored_task(task), name) for name in MUTABLE}
        self._state.tasks[task.id] = replace(stored, **changes)
        self._state.journals[task.id] = self._state.journals.get(task.id, ()) + news

    def delete_task(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        task = self._state.tasks.pop(task_id, None)
        if task and task.batch_id and not self._of_batch(task.batch_id):
            self._state.batches.pop(task.batch_id, None)
        self._state.journals.pop(task_id, None)
        self.drop_marks(task_id)
        gone = [key for key, request in self._state.requests.items() if request.task_id == task_id]
        for key in gone:
            del self._state.requests[key], self._state.remembered[key]
        for entry in self.device_tasks([task_id]).values():
            del self._state.device_tasks[entry.owner, entry.device, entry.client_id]

    def trim(self, task_id: str, upto: int) -> int:
        guards.must_be_writable(self._writable)
        task = self._state.tasks.get(task_id)
        if task is None or (upto := min(upto, task.last_seq)) <= task.trimmed_seq:
            return 0
        journal = self._state.journals[task_id]
        latest = [self.latest_event(task_id, (type_,), upto=task.last_seq) for type_ in KEPT_TYPES]
        rest = tuple(event for event in journal if event.seq > upto or event in latest)
        self._state.journals[task_id] = rest
        self._state.tasks[task_id] = replace(task, trimmed_seq=upto)
        return len(journal) - len(rest)

    def forget_requests(self, before: datetime, *, limit: int) -> int:
        guards.must_be_writable(self._writable)
        old = [key for key, at in self._state.remembered.items() if at < before][:limit]
        for key in old:
            del self._state.requests[key], self._state.remembered[key]
        return len(old)

    def remember(self, owner: str, key: str, request: IdempotentRequest, at: datetime) -> None:
        guards.must_be_writable(self._writable)
        if (owner, key) in self._state.requests:
            raise guards.key_used(key)
        self._state.requests[owner, key] = request
        self._state.remembered[owner, key] = at

    # -- helpers

    def _due(self, at: datetime) -> Iterable[Task]:
        return (task for task in self._state.tasks.values() if task.is_due(at))

    def _matching(self, where: TaskFilter) -> Iterable[Task]:
        return (task for task in self._state.tasks.values() if _matches(task, where))


def _older(task: Task, than: listing.Position) -> bool:
    position = listing.position_of(task)
    return (position.created_at, position.task_id) < (than.created_at, than.task_id)


def _matches(task: Task, where: TaskFilter) -> bool:
    return (
        where.status in (None, task.status)
        and where.type in (None, task.type)
        and (where.tag is None or where.tag in task.tags)
        and where.owner in (None, task.owner)
        and where.batch_id in (None, task.batch_id)
        and where.schedule_id in (None, task.schedule_id)
        and where.visible_to in (None, task.owner)
        and (not where.text or _mentions(task, where.text))
    )


def _mentions(task: Task, text: str) -> bool:
    inside = to_json([text])[2:-2]  # as it stands within the JSON of the params
    return (
        _lower(text) in _lower(task.name)
        or _lower(inside) in _lower(to_json(task.params))
        or _lower(task.id).startswith(_lower(text))
    )


def _lower(text: str) -> bytes:
    """ASCII letters alone, like a database."""
    return text.encode(errors="surrogatepass").lower()


def _stored_task(task: Task) -> Task:
    """The task as a database gives it back: nothing in it is shared with the caller, JSON is plain."""
    return replace(
        task,
        params=_plain(task.params),
        metrics=_plain(task.metrics),
        result=None if task.result is None else _plain(task.result),
    )


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = from_json(to_json(value))
    return plain
