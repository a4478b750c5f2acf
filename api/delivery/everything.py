"""Every task at once: what a list of tasks lives on. No replay, and no promise on `seq`.

Of each task at most one `progress` in 100 ms, the latest; all else at once.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Protocol

from api.domain.event import Event, EventType
from api.domain.lifecycle import TERMINAL, Status
from api.domain.task import Task
from api.ports import Bus, Doorbell, Store, TaskFilter, Transaction
from api.runtime.base import Runtime

PROGRESS_SECONDS = 0.1
PAGE = 200
NEWEST = 50
"""Tasks looked at by a sweep whether they have ended or not: one may begin and end between two sweeps."""
REMEMBERED = 5000
_ACTIVE = [status for status in Status if status not in TERMINAL]


class Audience(Protocol):
    """Live subscribers that may see the same tasks and want the same events; hashable."""

    def push_of(self, owner: str, event: Event) -> None:
        """Hand over an event of a task of `owner`, if it may be seen here; must neither block nor switch."""


class Everything:
    """One per process. What another process commits is found by the sweep."""

    def __init__(self, store: Store, bus: Bus, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._lock = threading.RLock()
        self._audiences: Counter[Audience] = Counter()
        self._listening = False
        self._seen: OrderedDict[str, int] = OrderedDict()
        """The last seq that was heard of each task; the latest `REMEMBERED` tasks."""
        self._open: set[str] = set()
        """Tasks that were heard of and have not ended."""
        self._behind: dict[str, int] = {}
        """Tasks that the last sweep found ahead of what was heard: a bell that is only late is not lost."""
        self._held: dict[str, tuple[str, Event] | None] = {}
        """Tasks whose progress was pushed less than 100 ms ago, with what has come since."""
        bus.listen(self._on_bell)

    def enter(self, audience: Audience) -> None:
        if not self._listening:
            self._listening = True  # first, so that no bell is missed while the journal is read
            for task_id, last_seq in self._store.read(self._last_seqs).items():
                self._hear(task_id, last_seq)
        with self._lock:
            self._audiences[audience] += 1

    def leave(self, audience: Audience) -> None:
        with self._lock:
            self._audiences[audience] -= 1
            if self._audiences[audience] <= 0:
                del self._audiences[audience]
            if not self._audiences:
                self._listening = False
                for memory in (self._seen, self._open, self._behind):
                    memory.clear()

    def sweep(self) -> None:
        """Push what no bell has told in the time between two sweeps."""
        if not self._listening:
            return
        for task_id, last_seq in list(self._behind.items()):
            if self._seen.get(task_id, 0) < last_seq:  # else the bell was only late
                self._read_on(task_id)
        current = self._store.read(self._last_seqs)
        with self._lock:
            self._open.intersection_update(current)
            self._behind = {task_id: last for task_id, last in current.items() if last > self._seen.get(task_id, 0)}

    def _last_seqs(self, tx: Transaction) -> dict[str, int]:
        """Of the tasks that have not ended, those that had not when last heard of, and the newest."""
        newest = tx.tasks(TaskFilter(), limit=NEWEST).tasks
        known = {task.id: task.last_seq for task in (*tx.with_status(_ACTIVE), *newest)}
        return known | tx.last_seqs([task_id for task_id in self._open if task_id not in known])

    def _read_on(self, task_id: str) -> None:
        def read(tx: Transaction) -> tuple[Task | None, list[Event]]:
            return tx.task(task_id), tx.events(task_id, self._seen.get(task_id, 0), limit=PAGE)

        task, events = self._store.read(read)
        if task is not None:
            self._take(task.owner, events)

    def _on_bell(self, bell: Doorbell) -> None:
        if self._listening:
            self._take(bell.owner, bell.events)

    def _take(self, owner: str, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                self._hear(event.task_id, event.seq)
                if event.type is EventType.PROGRESS:
                    self._slow_down(owner, event)
                else:
                    self._push(owner, event)
                if event.terminal:
                    self._forget(event.task_id)

    def _hear(self, task_id: str, seq: int) -> None:
        self._seen[task_id] = max(seq, self._seen.get(task_id, 0))
        self._seen.move_to_end(task_id)
        self._open.add(task_id)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _forget(self, task_id: str) -> None:
        self._open.discard(task_id)
        self._behind.pop(task_id, None)
        if task_id in self._held:
            self._held[task_id] = None

    def _slow_down(self, owner: str, event: Event) -> None:
        if event.task_id in self._held:
            self._held[event.task_id] = (owner, event)
        else:
            self._held[event.task_id] = None
            self._push(owner, event)
            self._runtime.spawn(self._hold, event.task_id)

    def _hold(self, task_id: str) -> None:
        """In a thread of its own for as long as the task reports more often than every 100 ms."""
        while True:
            self._runtime.sleep(PROGRESS_SECONDS)
            with self._lock:
                held = self._held.get(task_id)
                if held is None:
                    self._held.pop(task_id, None)
                    return
                self._held[task_id] = None
                self._push(*held)

    def _push(self, owner: str, event: Event) -> None:
        for audience in list(self._audiences):
            audience.push_of(owner, event)
