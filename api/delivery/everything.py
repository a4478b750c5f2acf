"""Every task at once: what a list of tasks lives on. No replay, and no promise on `seq`.

Of each task at most one `progress` in 100 ms, the latest; all else at once. A subscriber without room gets,
once it has some, the latest state of each task that has moved meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Protocol

from api import metrics
from api.delivery.heard import Heard
from api.domain.event import Event, EventType
from api.domain.lifecycle import TERMINAL, Status
from api.domain.task import Task
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Bus, Doorbell, Store, TaskFilter, Transaction
from api.runtime.base import Runtime

_log = get_logger(__name__)
PROGRESS_SECONDS = 0.1
RETRY_SECONDS = 0.5
PAGE = 200
NEWEST = 50
"""Tasks looked at by a sweep whether they have ended or not: one may begin and end between two sweeps."""
_ACTIVE = [status for status in Status if status not in TERMINAL]
_STATES = ((EventType.STATUS_CHANGE, EventType.ERROR), (EventType.PROGRESS,))


class Audience(Protocol):
    """Live subscribers that may see the same tasks and want the same events; hashable."""

    def sees(self, owner: str) -> bool:
        """Whether the tasks of this owner are for them."""

    def push_of(self, owner: str, event: Event) -> None:
        """Hand over an event of a task of `owner`, if it may be seen here; must neither block nor switch."""


class Watcher(Protocol):
    """One subscriber of every task; as `member.Member`, but for an audience in place of a channel."""

    @property
    def channel(self) -> Audience: ...
    def attach(self, crowd: Callable[[], None]) -> None: ...
    def wanted(self) -> bool: ...
    def has_room(self) -> bool: ...
    def wait_for_room(self) -> None: ...
    def deliver(self, events: Sequence[Event]) -> int: ...
    def start_over(self) -> int | None: ...
    def entered(self) -> None: ...
    def left(self) -> None: ...


class Bystander:
    """What a watcher has that sends nothing itself, and so is never crowded: a subclass says what it hears."""

    def attach(self, crowd: Callable[[], None]) -> None:
        """It never is."""

    def has_room(self) -> bool:
        return True

    def wait_for_room(self) -> None:
        """There always is."""

    def deliver(self, events: Sequence[Event]) -> int:
        return len(events)

    def start_over(self) -> int | None:
        return 0

    def entered(self) -> None:
        """Nothing to do."""

    def left(self) -> None:
        """Nothing to do."""


class Everything:
    """One per process. What another process commits is found by the sweep."""

    def __init__(self, store: Store, bus: Bus, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._lock = threading.RLock()
        self._audiences: Counter[Audience] = Counter()
        self._live: set[Watcher] = set()
        self._crowded: deque[Watcher] = deque()
        self._listening = False
        self._heard = Heard()
        self._behind: dict[str, int] = {}
        """Tasks that the last sweep found ahead of what was heard: a bell that is only late is not lost."""
        self._held: dict[str, tuple[str, Event] | None] = {}
        """Tasks whose progress was pushed less than 100 ms ago, with what has come since."""
        bus.listen(self._on_bell)

    def enter(self, watcher: Watcher) -> None:
        """Live from now on; blocks the caller while the first one has the journal read. `Unavailable`."""
        with self._lock:
            self._audiences[watcher.channel] += 1
        try:
            self._listen()
        except RuncastError:
            self.leave(watcher)
            raise
        watcher.attach(lambda: self._crowded.append(watcher))
        with self._lock:
            self._enter(watcher)

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True  # first, so that no bell is missed while the journal is read
            for task_id, last_seq in self._store.read(self._last_seqs).items():
                self._heard.note(task_id, last_seq)

    def leave(self, watcher: Watcher) -> None:
        with self._lock:
            self._live.discard(watcher)
            self._audiences[watcher.channel] -= 1
            if self._audiences[watcher.channel] <= 0:
                del self._audiences[watcher.channel]
            if not self._audiences:
                self._listening = False
                self._heard.forget_all()
                self._behind.clear()

    def sweep(self) -> None:
        """Push what no bell has told in the time between two sweeps."""
        if not self._listening:
            return
        for task_id, last_seq in list(self._behind.items()):
            if self._heard.last_seq(task_id) < last_seq:  # else the bell was only late
                self._read_on(task_id)
        current = self._store.read(self._last_seqs)
        with self._lock:
            self._heard.keep_open(current)
            self._behind = {task_id: last for task_id, last in current.items() if last > self._heard.last_seq(task_id)}

    def _last_seqs(self, tx: Transaction) -> dict[str, int]:
        """Of the tasks that have not ended, those that had not when last heard of, and the newest."""
        newest = tx.tasks(TaskFilter(), limit=NEWEST).tasks
        known = {task.id: task.last_seq for task in (*tx.with_status(_ACTIVE), *newest)}
        return known | tx.last_seqs([task_id for task_id in self._heard.open if task_id not in known])

    def _read_on(self, task_id: str) -> None:
        def read(tx: Transaction) -> tuple[Task | None, list[Event]]:
            return tx.task(task_id), tx.events(task_id, self._heard.last_seq(task_id), limit=PAGE)

        task, events = self._store.read(read)
        if task is not None:
            self._take(task.owner, events)

    def _on_bell(self, bell: Doorbell) -> None:
        if self._listening:
            self._take(bell.owner, bell.events)

    def _take(self, owner: str, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                self._heard.note(event.task_id, event.seq)
                if event.type is EventType.PROGRESS:
                    self._slow_down(owner, event)
                else:
                    self._push(owner, event)
                if event.terminal:
                    self._forget(event.task_id)

    def _forget(self, task_id: str) -> None:
        self._heard.ended(task_id)
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
        self._shed()

    # -- watchers without room

    def _enter(self, watcher: Watcher) -> None:
        self._live.add(watcher)
        watcher.entered()
        if not watcher.has_room():
            self._crowded.append(watcher)

    def _shed(self) -> None:
        """Let those leave that have no room. All that was heard up to now is on its way to them."""
        while self._crowded:
            watcher = self._crowded.popleft()
            if watcher in self._live and not watcher.has_room():
                self._live.discard(watcher)
                watcher.left()
                metrics.BEHIND.inc()
                self._runtime.spawn(self._bring_up, watcher, self._heard.now)

    def _bring_up(self, watcher: Watcher, moment: int) -> None:
        """Tell it what has moved since `moment`, until that is nothing: then it is live again."""
        while watcher.wanted():
            if not watcher.has_room():
                watcher.wait_for_room()
                continue
            with self._lock:
                moved, now = self._heard.since(moment), self._heard.now
                if moved == []:
                    self._enter(watcher)
                    return
            if self._told(watcher, moved):
                moment = now

    def _told(self, watcher: Watcher, moved: Sequence[str] | None) -> bool:
        """Whether it was given the state of each of these tasks; None: of more than are remembered."""
        if moved is None:
            watcher.start_over()
            return True
        try:
            for task_id in moved:
                self._tell(watcher, task_id)
        except RuncastError as error:
            metrics.failure("catch_up")
            _log.warning("catch_up_delayed", reason=error.message)
            self._runtime.sleep(RETRY_SECONDS)
            return False
        return True

    def _tell(self, watcher: Watcher, task_id: str) -> None:
        def read(tx: Transaction) -> list[Event]:
            task = tx.task(task_id)
            if task is None or not watcher.channel.sees(task.owner):
                return []
            found = [tx.latest_event(task_id, types, upto=task.last_seq) for types in _STATES]
            return sorted((event for event in found if event), key=lambda event: event.seq)

        left = self._store.read(read)
        while left and watcher.wanted():
            if not watcher.has_room():
                watcher.wait_for_room()
            left = left[watcher.deliver(left) :]
