"""What the thread that tells the devices has to do next: who came, and which tasks have moved how far."""

from __future__ import annotations

import threading

from api.delivery.devices.connection import Connection
from api.delivery.devices.moved import Moved, moved_by
from api.delivery.everything import Bystander
from api.domain.event import Event
from api.runtime.base import Runtime, Waiter

Moves = dict[str, Moved]


class Inbox(Bystander):
    """A watcher of everything that only takes notes, by task: see `delivery.everything.Watcher`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._moves: Moves = {}
        self._newcomers: list[Connection] = []
        self._woken = False
        self._waiter: Waiter | None = None

    def take(self, timeout: float | None) -> tuple[Moves, list[Connection]]:
        """Block the calling background thread until there is something or `timeout` is over, and take it."""
        with self._lock:
            waiter = None if self._woken else self._runtime.waiter()
            self._waiter = waiter
        if waiter is not None:
            waiter.wait(timeout)
        with self._lock:
            self._woken, self._waiter = False, None
            moves, self._moves = self._moves, {}
            newcomers, self._newcomers = self._newcomers, []
        return moves, newcomers

    @property
    def expects(self) -> bool:
        """Whether somebody has come who was not taken yet."""
        return bool(self._newcomers)

    def welcome(self, connection: Connection) -> None:
        with self._lock:
            self._newcomers.append(connection)
            self._wake()

    def wake(self) -> None:
        """Somebody has gone."""
        with self._lock:
            self._wake()

    def _wake(self) -> None:
        self._woken = True
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.set()

    # -- the watcher

    @property
    def channel(self) -> Inbox:
        return self

    def sees(self, owner: str) -> bool:
        return True

    def push_of(self, owner: str, event: Event) -> None:
        moved = moved_by(owner, event)
        if moved is None:
            return
        with self._lock:
            earlier = self._moves.get(event.task_id)
            self._moves[event.task_id] = moved if earlier is None else earlier.and_then(moved)
            self._wake()

    def wanted(self) -> bool:
        return True
