"""A Socket.IO subscriber, and the room in which it is served live."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from api.delivery.lag import Lag
from api.delivery.socketio.connection import Connection
from api.delivery.socketio.packets import NAMESPACE, packets_of
from api.domain.event import Event, EventType
from api.fanout import SocketIO

Types = frozenset[EventType]


def passes(event: Event, types: Types | None) -> bool:
    """Whether a filter lets the event through; the terminal one passes every filter."""
    return types is None or event.type in types or event.terminal


def _kinds(types: Types | None) -> str:
    return ",".join(sorted(types)) if types is not None else "*"


@dataclass(frozen=True)
class RoomChannel:
    """All live subscribers of one task with one filter: one encode serves them."""

    task_id: str
    types: Types | None
    socketio: SocketIO = field(compare=False)

    @property
    def room(self) -> str:
        return f"task:{self.task_id}:{_kinds(self.types)}"

    def push(self, events: Sequence[Event]) -> None:
        wanted = [event for event in events if passes(event, self.types)]
        self.socketio.send_packets(packets_of(self.socketio, wanted), namespace=NAMESPACE, to=self.room)


@dataclass(frozen=True)
class RoomAudience:
    """All live subscribers of `"*"` that see the same tasks with one filter."""

    owner: str | None
    """Whose tasks they see; None for everybody's."""
    types: Types | None
    socketio: SocketIO = field(compare=False)

    @property
    def room(self) -> str:
        return f"tasks:{'*' if self.owner is None else '=' + self.owner}:{_kinds(self.types)}"

    def sees(self, owner: str) -> bool:
        return self.owner in (None, owner)

    def push_of(self, owner: str, event: Event) -> None:
        if self.sees(owner) and passes(event, self.types):
            self.socketio.send_packets(packets_of(self.socketio, (event,)), namespace=NAMESPACE, to=self.room)


Where = TypeVar("Where", RoomChannel, RoomAudience)
BeginAnew = Callable[[], Callable[[], int] | None]
"""Reads the present state and returns what tells it, as if to a newcomer, and gives its seq; None: nothing is left."""


class RoomMember(Generic[Where]):
    """One connection's subscription, to one task or to all of them."""

    def __init__(self, connection: Connection, channel: Where, begin_anew: BeginAnew) -> None:
        self.channel: Where = channel
        self.connection = connection
        self._begin_anew = begin_anew
        self._wanted = True
        self._delivering = threading.Lock()
        """Held while something is handed over: after `withdraw` nothing comes any more."""
        self._crowd: Callable[[], None] = _nothing
        self._leave: Callable[[], None] = _nothing

    def attach(self, crowd: Callable[[], None]) -> None:
        self._crowd = crowd

    def crowd(self) -> None:
        self._crowd()

    def wanted(self) -> bool:
        return self._wanted and self.connection.here

    def has_room(self) -> bool:
        return self.connection.has_room()

    def wait_for_room(self) -> None:
        self.connection.wait_for_room()

    def deliver(self, events: Sequence[Event]) -> int:
        """Those that pass the filter are sent; all that were looked at count as taken."""
        types = self.channel.types
        passing = events if types is None else [event for event in events if passes(event, types)]
        with self._delivering:
            if not self._wanted:
                return 0
            sent = self.connection.deliver(passing)
        return len(events) if sent == len(passing) else _index_of(passing[sent], events)

    def lagged(self, lag: Lag) -> None:
        notice = {"task_id": lag.task_id, "from_seq": lag.from_seq, "to_seq": lag.to_seq, "skipped": lag.skipped}
        with self._delivering:
            if self._wanted:
                self.connection.send("lagged", notice)

    def start_over(self) -> int | None:
        tell = self._begin_anew()
        with self._delivering:
            return tell() if tell is not None and self._wanted else None

    def entered(self) -> None:
        self.connection.enter(self.channel.room)

    def left(self) -> None:
        self.connection.leave(self.channel.room)

    def entered_with(self, leave: Callable[[], None]) -> None:
        """`leave` undoes the subscription; at once if it was withdrawn on its way in."""
        self._leave = leave
        if not self.wanted():
            self.withdraw()

    def withdraw(self) -> None:
        """No event reaches the connection for this subscription after this."""
        with self._delivering:
            self._wanted = False
        self.connection.leave(self.channel.room)
        leave, self._leave = self._leave, _nothing
        leave()


def _index_of(one: Event, events: Sequence[Event]) -> int:
    return next(index for index, event in enumerate(events) if event is one)


def _nothing() -> None:
    """Not entered yet, or left already."""
