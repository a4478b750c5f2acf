"""One commit to a task: events with the change of state that they report, inside a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from api.domain.event import Draft, Event
from api.domain.task import Task, applied
from api.errors import NotFound, StaleLease
from api.ports import Transaction

Change = Callable[[Task], Task]


def unchanged(task: Task) -> Task:
    return task


@dataclass(frozen=True, slots=True)
class Commit:
    """What a publish left behind: the events as stored, and the task after them."""

    task: Task
    events: tuple[Event, ...]
    others: tuple[Commit, ...] = ()
    """What it did to other tasks in the same transaction: to those that depend on this one."""
    follow_up: bool = False
    """There may be tasks that are due now, or more to be done for those that depend on this one."""


def append(
    tx: Transaction,
    task: Task | None,
    drafts: Sequence[Draft],
    at: datetime,
    lease_id: str | None = None,
    also: Change = unchanged,
) -> Commit:
    """Add `drafts` to the journal of `task`, and to it alone; errors as `Publisher.publish`."""
    if task is None:
        raise NotFound()
    if lease_id is not None and task.lease_id != lease_id:
        raise StaleLease()
    events = []
    task = also(task)
    for draft in drafts:
        event = Event(task.id, task.last_seq + 1, draft.type, draft.data, at)
        task = applied(task, event)
        events.append(event)
    tx.append(task, events)
    return Commit(task, tuple(events))
