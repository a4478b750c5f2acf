"""One task, one hub, and a hand on everything that usually happens by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from api.delivery.hub import Hub
from api.domain.event import Draft, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Doorbell
from api.services.publish import Publisher
from api.store.memory import MemoryStore

AT = datetime(2026, 1, 2, tzinfo=UTC)
TASK = "00000000-0000-0000-0000-000000000001"


class Parked(Exception):
    """A background thread waits; it goes on when spawned threads are run again."""


class ManualRuntime:
    """Runs what is spawned when it is told to, so that a test decides what happens in between."""

    def __init__(self):
        self.spawned = []

    def spawn(self, function, *args):
        self.spawned.append((function, args))

    def sleep(self, seconds):
        raise Parked

    def waiter(self):
        return _Set()

    def run_spawned(self):
        """Run all, and what they spawn, until each has ended or waits."""
        waiting = []
        while self.spawned:
            function, args = self.spawned.pop(0)
            try:
                function(*args)
            except Parked:
                waiting.append((function, args))
        self.spawned = waiting


class _Set:
    """A flag that nobody needs to wait for: there is one thread."""

    def set(self):
        pass

    def wait(self, timeout=None):
        return True


class HandBus:
    """Keeps the bells until the test rings or loses them."""

    def __init__(self):
        self.kept: list[Doorbell] = []
        self.listeners: list[Callable[[Doorbell], None]] = []

    def ring(self, bell):
        self.kept.append(bell)

    def listen(self, listener):
        self.listeners.append(listener)

    def deliver(self, index=0):
        bell = self.kept.pop(index)
        for listener in self.listeners:
            listener(bell)


@dataclass(eq=False)
class Reader:
    """A member that is its own channel. What it is given waits in `outbox` until it takes it."""

    capacity: int = 10**9
    outbox: list[Any] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)
    here: bool = True
    full: bool = False
    live: bool = False
    restart: Callable[[], int | None] = lambda: None

    @property
    def seqs(self):
        """Every seq it was given, taken or not."""
        return [item for item in [*self.taken, *self.outbox] if isinstance(item, int)]

    @property
    def channel(self):
        return self

    def attach(self, crowd):
        self.crowd = crowd

    def wanted(self):
        return self.here

    def has_room(self):
        return not self.full

    def wait_for_room(self):
        raise Parked

    def deliver(self, events):
        for count, event in enumerate(events):
            if self.full:
                return count
            self._put(event.seq)
        return len(events)

    def push(self, events):
        for event in events:
            self._put(event.seq)

    def lagged(self, lag):
        self._put(lag)

    def start_over(self):
        return self.restart()

    def entered(self):
        self.live = True

    def left(self):
        self.live = False

    def take(self, count=10**9):
        """Read what waits; with little left there is room again."""
        self.taken += self.outbox[:count]
        del self.outbox[:count]
        if len(self.outbox) <= self.capacity // 4:
            self.full = False

    def _put(self, item):
        self.outbox.append(item)
        if len(self.outbox) >= self.capacity and not self.full:
            self.full = True
            self.crowd()


class World:
    """`report` commits events and keeps their bells."""

    def __init__(self):
        self.store = MemoryStore()
        self.publisher = Publisher(self.store, HandBus(), lambda: AT)
        self.restart()
        task = Task(id=TASK, type="x", owner="local", created_at=AT, status=Status.RUNNING)
        self.store.write(lambda tx: tx.add_task(task))

    def restart(self):
        """Another process on the same store: nothing is left of hub, bells and threads."""
        self.bus = HandBus()
        self.runtime = ManualRuntime()
        self.hub = Hub(self.store, self.bus, self.runtime)
        self.publisher = Publisher(self.store, self.bus, lambda: AT)

    def report(self, count=1, kind=EventType.LOG, message="x"):
        for number in range(count):
            data = {"level": "info", "message": message}
            if kind is EventType.PROGRESS:
                data = {"current_iteration": number, "max_iterations": None, "progress_percent": 1.0}
            self.publisher.publish(TASK, [Draft(kind, data)])

    def trim(self, upto):
        self.store.write(lambda tx: tx.trim(TASK, upto))

    def join(self, after, reader=None, known=None):
        """A reader subscribed after `after`, as far as it gets at once."""
        reader = reader or Reader()
        reader.subscription = self.hub.subscribe(TASK, after, reader, known)
        self.runtime.run_spawned()
        return reader

    def rest(self, cursor, most):
        """What `Hub.subscribe` is told: the last seq, and the events after `cursor` where these are few."""

        def read(tx):
            task = tx.task(TASK)
            few = task.trimmed_seq <= cursor and task.last_seq - cursor <= most
            return task.last_seq, tx.events(TASK, cursor, limit=most) if few and most else []

        return self.store.read(read)

    def ring_all(self):
        while self.bus.kept:
            self.bus.deliver()
            self.runtime.run_spawned()

    @property
    def last_seq(self):
        return self.store.read(lambda tx: tx.task(TASK)).last_seq
