"""A Socket.IO subscriber, and the room in which it is served live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from api.domain.event import Event, EventType

NAMESPACE = "/tasks"
MAX_QUEUED = 400
"""Packets that may wait for one connection before it gets another page of a task's history."""
Types = frozenset[EventType]


def passes(event: Event, types: Types | None) -> bool:
    """Whether a filter lets the event through; the terminal one passes every filter."""
    return types is None or event.type in types or event.terminal


@dataclass(frozen=True)
class RoomChannel:
    """All live subscribers of one task with one filter: one encode serves them."""

    task_id: str
    types: Types | None
    socketio: Any = field(compare=False)

    @property
    def room(self) -> str:
        kinds = ",".join(sorted(self.types)) if self.types is not None else "*"
        return f"task:{self.task_id}:{kinds}"

    def push(self, events: Sequence[Event]) -> None:
        for event in events:
            if passes(event, self.types):
                self.socketio.emit("task_update", event.envelope(), namespace=NAMESPACE, to=self.room)


@dataclass(frozen=True)
class RoomAudience:
    """All live subscribers of `"*"` that see the same tasks with one filter."""

    owner: str | None
    """Whose tasks they see; None for everybody's."""
    types: Types | None
    socketio: Any = field(compare=False)

    @property
    def room(self) -> str:
        kinds = ",".join(sorted(self.types)) if self.types is not None else "*"
        return f"tasks:{'*' if self.owner is None else '=' + self.owner}:{kinds}"

    def push_of(self, owner: str, event: Event) -> None:
        if self.owner in (None, owner) and passes(event, self.types):
            self.socketio.emit("task_update", event.envelope(), namespace=NAMESPACE, to=self.room)


Channel = TypeVar("Channel", RoomChannel, RoomAudience)


class RoomMember(Generic[Channel]):
    """One connection's subscription, to one task or to all of them."""

    def __init__(self, socketio: Any, sid: str, channel: Channel) -> None:
        self.channel: Channel = channel
        self.sid = sid
        self.leave: Callable[[], None] | None = None
        """Undoes the entering, once it has entered."""
        self._socketio = socketio
        self._wanted = True

    def wanted(self) -> bool:
        return self._wanted

    def deliver(self, events: Sequence[Event]) -> None:
        for event in events:
            if passes(event, self.channel.types):
                self.send("task_update", event.envelope())

    def has_room(self) -> bool:
        """So that a long history waits in the journal, and a ping does not wait behind all of it."""
        server = self._socketio.server
        connection = server.eio.sockets.get(server.manager.eio_sid_from_sid(self.sid, NAMESPACE))
        return connection is None or connection.queue.qsize() < MAX_QUEUED

    def send(self, name: str, message: dict[str, Any]) -> None:
        """To this connection alone, in order with everything else it gets."""
        self._socketio.emit(name, message, namespace=NAMESPACE, to=self.sid)

    def entered(self) -> None:
        try:
            self._socketio.server.enter_room(self.sid, self.channel.room, namespace=NAMESPACE)
        except (KeyError, ValueError):  # the connection went at this very moment
            self._wanted = False

    def withdraw(self) -> None:
        """No event reaches the connection for this subscription after this."""
        self._wanted = False
        self._socketio.server.leave_room(self.sid, self.channel.room, namespace=NAMESPACE)
        leave, self.leave = self.leave, None
        if leave is not None:
            leave()
