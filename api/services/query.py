"""Query: reading tasks and their history, with the permission asked at each."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from api.access.principals import require
from api.domain.event import Event, EventType
from api.domain.permission import Action, Principal, Role
from api.domain.task import Task
from api.errors import NotFound
from api.ports import Clock, Store, TaskFilter, TaskPage, Transaction

EPOCH_SECONDS = 1.0
_STATE = (EventType.STATUS_CHANGE, EventType.ERROR)


@dataclass(frozen=True, slots=True)
class View:
    """A task, and where it stands in the queue."""

    task: Task
    queue_position: int | None


@dataclass(frozen=True, slots=True)
class History:
    """Some events of a task, in one snapshot with its last seq and the journal's epoch."""

    task: Task
    events: tuple[Event, ...]
    epoch: str
    rest: tuple[Event, ...] = ()
    """The events after a place in this journal up to its end, if they were asked for."""

    def holds(self, since: int, epoch: str | None) -> bool:
        """Whether `since` is a place in this journal, and every event after it is still stored."""
        return epoch in (None, self.epoch) and self.task.trimmed_seq <= since <= self.task.last_seq


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a task as the JSON text of their envelopes; the rest as in `History`."""

    task: Task
    envelopes: tuple[str, ...]
    epoch: str


class Queries:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._epoch = ""
        self._epoch_until = -math.inf

    def view(self, principal: Principal, task_id: str) -> View:
        """`NotFound` also for a task that the principal may not see."""
        now = self._clock()
        return self._store.read(lambda tx: _view(tx, visible(tx, principal, task_id), now))

    def page(
        self, principal: Principal, where: TaskFilter, *, limit: int, cursor: str | None = None
    ) -> tuple[TaskPage, list[View]]:
        require(principal, Action.LIST)
        only = None if principal.role is Role.ADMIN else principal.user
        where = replace(where, visible_to=only)
        now = self._clock()

        def read(tx: Transaction) -> tuple[TaskPage, list[View]]:
            page = tx.tasks(where, limit=limit, cursor=cursor)
            return page, [_view(tx, task, now) for task in page.tasks]

        return self._store.read(read)

    def events(
        self,
        principal: Principal,
        task_id: str,
        *,
        after: int,
        limit: int,
        types: Sequence[EventType] | None = None,
    ) -> Page:
        """Events with seq > `after` in order, `limit` at most, without a hole: none of those up to the
        task's `trimmed_seq`, of which only a few are left."""

        def read(tx: Transaction) -> Page:
            task = visible(tx, principal, task_id)
            found = tx.envelopes(task_id, max(after, task.trimmed_seq), limit=limit, types=types)
            return Page(task, tuple(found), tx.epoch())

        return self._store.read(read)

    def present(self, principal: Principal, task_id: str) -> History:
        """The latest change of state and the latest progress, as stored: what a newcomer starts from."""
        return self._store.read(lambda tx: _present(tx, visible(tx, principal, task_id)))

    def since(self, principal: Principal, task_id: str, since: int, epoch: str | None, *, most: int) -> History:
        """Of a journal that `holds` this place the `rest` after it, if these are `most` events at most; of
        another one its `present`."""

        def read(tx: Transaction) -> History:
            history = History(visible(tx, principal, task_id), (), tx.epoch())
            if not history.holds(since, epoch):
                return _present(tx, history.task)
            few = history.task.last_seq - since <= most
            return replace(history, rest=tuple(tx.events(task_id, since, limit=most))) if few else history

        return self._store.read(read)

    def state_at(self, principal: Principal, task_id: str, seq: int) -> list[Event]:
        """The latest change of state, the latest progress and the latest iteration up to `seq`, in order."""

        def read(tx: Transaction) -> list[Event]:
            visible(tx, principal, task_id)
            kinds = (_STATE, (EventType.PROGRESS,), (EventType.ITERATION_COMPLETE,))
            found = [tx.latest_event(task_id, types, upto=seq) for types in kinds]
            return sorted((event for event in found if event), key=lambda event: event.seq)

        return self._store.read(read)

    def epoch(self) -> str:
        """The journal's epoch, at most `EPOCH_SECONDS` old: thousands may connect at once and want it."""
        now = time.monotonic()
        if now >= self._epoch_until:
            self._epoch = self._store.read(lambda tx: tx.epoch())
            self._epoch_until = now + EPOCH_SECONDS
        return self._epoch


def visible(tx: Transaction, principal: Principal, task_id: str) -> Task:
    """The task, or `NotFound`: the same whether it is missing or hidden."""
    task = tx.task(task_id)
    if task is None:
        raise NotFound()
    require(principal, Action.VIEW, task)
    return task


def _present(tx: Transaction, task: Task) -> History:
    found = [tx.latest_event(task.id, types, upto=task.last_seq) for types in (_STATE, (EventType.PROGRESS,))]
    events = sorted((event for event in found if event), key=lambda event: event.seq)
    return History(task, tuple(events), tx.epoch())


def _view(tx: Transaction, task: Task, now: datetime) -> View:
    return View(task, tx.queue_position(task, now))
