"""A connection of the namespace: its subscriptions, and whether it has room for more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from api import metrics
from api.delivery.room import Room
from api.delivery.socketio.packets import NAMESPACE, packets_of
from api.domain.event import Event
from api.fanout import SocketIO
from api.log import get_logger
from api.runtime.base import Runtime

_log = get_logger(__name__)
CHUNK = 32 * 1024
"""Bytes handed over between two looks whether there is still room."""


class Subscriber(Protocol):
    """What a connection needs of a subscription of its own."""

    def crowd(self) -> None: ...
    def withdraw(self) -> None: ...


class Connection:
    def __init__(self, sid: str, socketio: SocketIO, runtime: Runtime) -> None:
        self.sid = sid
        self.members: dict[str, Subscriber] = {}
        """By task."""
        self.here = True
        self._socketio = socketio
        self._room = Room(runtime, lambda: not self.here or self.has_room())

    def send(self, name: str, message: dict[str, Any]) -> None:
        """To this connection alone, in order with everything else it gets."""
        self._socketio.emit(name, message, namespace=NAMESPACE, to=self.sid)

    def deliver(self, events: Sequence[Event]) -> int:
        """Events as `task_update`, as far as there is room: how many."""
        taken = 0
        for chunk in _chunks(packets_of(self._socketio, events)):
            if not self.has_room():
                break
            self._socketio.send_packets(chunk, namespace=NAMESPACE, to=self.sid)
            taken += len(chunk)
        return taken

    def enter(self, room: str) -> None:
        try:
            self._socketio.server.enter_room(self.sid, room, namespace=NAMESPACE)
        except (KeyError, ValueError):  # the connection went at this very moment
            self.here = False

    def leave(self, room: str) -> None:
        self._socketio.server.leave_room(self.sid, room, namespace=NAMESPACE)

    def has_room(self) -> bool:
        outbox = self._socketio.outbox(self.sid, NAMESPACE)
        return outbox is None or not outbox.full

    def wait_for_room(self) -> None:
        """Block the calling background thread until there is room, or nobody to want it."""
        self._room.wait()

    def crowded(self) -> None:
        """Its outbox is full: its subscriptions go on from the journal. Neither blocks nor switches."""
        for member in list(self.members.values()):
            member.crowd()

    def drained(self) -> None:
        """There is room again. Neither blocks nor switches."""
        self._room.drained()

    def close(self) -> None:
        """It is gone: nothing is delivered any more, nobody waits for it."""
        self.here = False
        self.drained()
        for member in list(self.members.values()):
            member.withdraw()
        self.members.clear()


class Connections:
    """All connections of this process, by the Socket.IO id."""

    def __init__(self, socketio: SocketIO, runtime: Runtime) -> None:
        self._socketio = socketio
        self._runtime = runtime
        self._open: dict[str, Connection] = {}
        socketio.on_full = lambda eio_sid: self._tell(eio_sid, Connection.crowded)
        socketio.on_drained = lambda eio_sid: self._tell(eio_sid, Connection.drained)
        socketio.on_abandoned = self._abandoned

    def open(self, sid: str) -> Connection:
        connection = self._open[sid] = Connection(sid, self._socketio, self._runtime)
        return connection

    def get(self, sid: str) -> Connection | None:
        """None when it was closed in the meantime."""
        return self._open.get(sid)

    def close(self, sid: str) -> None:
        connection = self._open.pop(sid, None)
        if connection is not None:
            connection.close()

    def _tell(self, eio_sid: str, what: Any) -> None:
        connection = self._open.get(self._socketio.server.manager.sid_from_eio_sid(eio_sid, NAMESPACE) or "")
        if connection is not None:
            what(connection)

    def _abandoned(self, eio_sid: str) -> None:
        metrics.ABANDONED.inc()
        _log.warning("connection_abandoned", eio_sid=eio_sid, reason="its reader takes nothing")


def _chunks(packets: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Packets in groups of about `CHUNK` bytes; at least one in each."""
    start, size = 0, 0
    for index, packet in enumerate(packets):
        size += len(packet.data)
        if size >= CHUNK:
            yield packets[start : index + 1]
            start, size = index + 1, 0
    if start < len(packets):
        yield packets[start:]
