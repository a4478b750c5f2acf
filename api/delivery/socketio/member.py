"""A Socket.IO subscriber, and the room in which it is served live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from api.delivery.feed import Feed
from api.domain.event import Event, EventType

NAMESPACE = "/tasks"
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


class RoomMember:
    """One connection's subscription to one task."""

    def __init__(self, socketio: Any, sid: str, task_id: str, types: Types | None) -> None:
        self.channel = RoomChannel(task_id, types, socketio)
        self.sid = sid
        self.feed: Feed | None = None
        self._socketio = socketio
        self._wanted = True

    def wanted(self) -> bool:
        return self._wanted

    def deliver(self, events: Sequence[Event]) -> None:
        for event in events:
            if passes(event, self.channel.types):
                self.send("task_update", event.envelope())

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
