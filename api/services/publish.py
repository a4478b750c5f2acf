"""Publish: commit events with the change of state that they report, then say that there is more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api import metrics
from api.domain.event import Draft, Event
from api.domain.task import Task, applied
from api.errors import NotFound, StaleLease
from api.ports import Bus, Clock, Doorbell, Store, Transaction

Change = Callable[[Task], Task]


def unchanged(task: Task) -> Task:
    return task


@dataclass(frozen=True, slots=True)
class Commit:
    """What a publish left behind: the events as stored, and the task after them."""

    task: Task
    events: tuple[Event, ...]


class Publisher:
    """Every event of every task goes through here."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    def publish(
        self, task_id: str, drafts: Sequence[Draft], *, lease_id: str | None = None, also: Change = unchanged
    ) -> Commit:
        """Commit `drafts` in order; `also` changes the task in the same transaction.

        `NotFound`, `Conflict` where the lifecycle forbids one (none is stored then), `StaleLease` when
        `lease_id` is given and is not the task's, `Unavailable` when the journal cannot be written.
        """
        try:
            commit = self._store.write(lambda tx: self.within(tx, tx.task(task_id), drafts, lease_id, also))
        except StaleLease:
            metrics.STALE_REPORTS.inc()
            raise
        self.ring(commit)
        return commit

    def within(
        self,
        tx: Transaction,
        task: Task | None,
        drafts: Sequence[Draft],
        lease_id: str | None = None,
        also: Change = unchanged,
    ) -> Commit:
        """The same inside a transaction of the caller's, who rings after the commit."""
        if task is None:
            raise NotFound()
        if lease_id is not None and task.lease_id != lease_id:
            raise StaleLease()
        at = self._clock()
        events = []
        task = also(task)
        for draft in drafts:
            event = Event(task.id, task.last_seq + 1, draft.type, draft.data, at)
            task = applied(task, event)
            events.append(event)
        tx.append(task, events)
        return Commit(task, tuple(events))

    def ring(self, commit: Commit) -> None:
        """Tell everyone, after the commit."""
        if not commit.events:
            return
        for event in commit.events:
            metrics.EVENTS.labels(str(event.type)).inc()
        self._bus.ring(Doorbell(commit.task.id, commit.task.last_seq, commit.events, commit.task.owner))
