"""Publish: commit events with the change of state that they report, then say that there is more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from api import metrics
from api.domain.event import Draft, EventType
from api.domain.silence import heard
from api.domain.task import Task
from api.errors import StaleLease
from api.ports import Bus, Clock, Doorbell, Store, Transaction
from api.services.commit import Change, Commit, append, unchanged
from api.services.dependants import Dependants

__all__ = ["Commit", "Publisher"]


_COUNTERS = {type_: metrics.EVENTS.labels(str(type_)) for type_ in EventType}


class Publisher:
    """Every event of every task goes through here."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self.dependants = Dependants(clock)
        self.follow_up: Callable[[], None] = lambda: None
        """Called after a commit that may have made other tasks due; set by who sees to them."""

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
        commit = append(tx, task, drafts, self._clock(), lease_id, also)
        if not commit.task.terminal:
            return commit
        others, follow_up = self.dependants.ended(tx, commit.task)
        return replace(commit, others=tuple(others), follow_up=follow_up)

    def heard(self, task: Task) -> Task:
        """A `Change`: whoever reports the task has given a sign of life."""
        return heard(task, self._clock())

    def ring(self, commit: Commit) -> None:
        """Tell everyone, after the commit."""
        self._ring(commit)
        for other in commit.others:
            self._ring(other)
        if commit.follow_up:
            self.follow_up()

    def _ring(self, commit: Commit) -> None:
        if not commit.events:
            return
        for event in commit.events:
            _COUNTERS[event.type].inc()
        self._bus.ring(Doorbell(commit.task.id, commit.task.last_seq, commit.events, commit.task.owner))
