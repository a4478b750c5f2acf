"""Who is in which room, and one write for all of them: python-socketio's manager, made for many connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import engineio.json
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio import Manager
from socketio.packet import EVENT, Packet

from api.fanout.batch import Framed, TextPacket

CORKED = 16 * 1024
"""Characters that one turn of the hub may gather for a room before they go out all the same."""

Room = Any
"""A name, None for everybody, or a list of names."""
Key = tuple[str, Room, tuple[str, ...]]
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Rooms(Manager):  # type: ignore[misc]  # the library has no types
    """What `socketio.Manager` becomes in `fit`; a `RedisManager`, and any other that inherits from it, gets this below.

    A room of one is not stored for every connection, and a connection knows its rooms: as it comes, each that
    leaves looks through all of them.
    """

    cork: Cork
    plain: bool
    """Packets are JSON as it comes: encoded here, without looking through the data for bytes first."""
    _joined: dict[tuple[str, str], set[Any]]

    @classmethod
    def fit(cls, manager: Any, soon: Callable[[Callable[[], None]], object] | None) -> Rooms:
        """`manager`, in which nobody is yet, becomes one of these.

        `soon` calls back when the hub's turn is over; without it every emit goes out at once.
        """
        kind = type(manager)
        manager.__class__ = cls if kind is Manager else type(kind.__name__, (kind, cls), {})
        manager._joined = {}
        manager.plain = manager.server.packet_class is Packet and Packet.json is engineio.json
        manager.cork = Cork(manager, soon)
        fitted: Rooms = manager
        return fitted

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Room = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Room = None,
        **options: Any,
    ) -> None:
        room = to or room
        if callback:
            self.cork.flush()
            super().emit(event, data, namespace, room=room, skip_sid=skip_sid, callback=callback, **options)
        elif namespace in self.rooms:
            packets = self.packets(event, data, namespace)
            skipped = tuple(skip_sid) if isinstance(skip_sid, list) else (skip_sid,) if skip_sid else ()
            self.cork.add((namespace, tuple(room) if isinstance(room, list) else room, skipped), packets)

    def packets(self, event: str, data: Any, namespace: str) -> list[Any]:
        """What carries an event: made once for everybody who is to get it."""
        arguments = list(data) if isinstance(data, tuple) else [data] if data is not None else []
        if self.plain:
            try:
                text = _ENCODE([event, *arguments])
            except TypeError:  # binary, or an error that is told below
                pass
            else:
                return [TextPacket(f"{EVENT}{namespace},{text}" if namespace != "/" else f"{EVENT}{text}")]
        encoded = self.server.packet_class(EVENT, namespace=namespace, data=[event, *arguments]).encode()
        parts = encoded if isinstance(encoded, list) else [encoded]  # binary parts follow in packets of their own
        return [EnginePacket(MESSAGE, part) for part in parts]

    def send(self, packets: Sequence[Any], key: Key) -> None:
        """Packets to everybody whom an emit meant: one write for each connection."""
        namespace, room, skipped = key
        sessions = self.server.eio.sockets
        framed: Framed | None = None
        data = b""
        for sid, eio_sid in self.get_participants(namespace, room):
            if sid in skipped:
                continue
            session = sessions.get(eio_sid)
            if session is None:  # gone, or Flask-SocketIO's test client
                for packet in packets:
                    self.server._send_eio_packet(eio_sid, packet)
                continue
            outbox = session.queue
            send = outbox.send
            if send is None:
                outbox.put_all(packets)
                continue
            if outbox.framed is not framed:
                framed = outbox.framed
                data = b"".join(map(framed, packets))
            try:
                sent = send(data)
            except OSError:  # it takes nothing now, or never again
                outbox.put_all(packets)
            else:
                if sent < len(data):
                    outbox.put_rest(data, sent)

    # -- who is where

    def get_participants(self, namespace: str, room: Room) -> Iterator[tuple[str, str]]:
        rooms = self.rooms.get(namespace)
        if rooms is None or None not in rooms:
            return iter(())
        if isinstance(room, str) or room is None:
            return iter(self._members(rooms, room).items())
        if not hasattr(room, "__len__"):
            return iter(dict(rooms.get(room, ())).items())
        everybody: dict[str, str] = {}
        for each in room:
            everybody |= self._members(rooms, each)
        return iter(everybody.items())

    def _members(self, rooms: dict[Any, Any], room: Room) -> dict[str, str]:
        """A copy: members may leave while they are written to."""
        if room is None:
            return dict(rooms[None]._fwdm)
        members = rooms.get(room)
        if members is not None:
            return dict(members)
        alone = rooms[None].get(room)
        return {room: alone} if alone is not None else {}

    def basic_enter_room(self, sid: str, namespace: str, room: Room, eio_sid: str | None = None) -> None:
        if room is None or namespace not in self.rooms:
            super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
            return
        everybody = self.rooms[namespace][None]
        if room == sid:
            return
        if room in everybody:
            raise ValueError("cannot enter a sid room")
        self.cork.flush()
        self.rooms[namespace].setdefault(room, {})[sid] = eio_sid if eio_sid is not None else everybody[sid]
        self._joined.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Room) -> None:
        self.cork.flush()
        if room != sid:
            super().basic_leave_room(sid, namespace, room)
            joined = self._joined.get((namespace, sid))
            if joined is not None:
                joined.discard(room)

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        self.cork.flush()
        rooms = self.rooms.get(namespace)
        if rooms is None:
            return
        for room in (*self._joined.pop((namespace, sid), ()), None):
            super().basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    def get_rooms(self, sid: str, namespace: str) -> list[Room]:
        if sid not in self.rooms.get(namespace, {}).get(None, {}):
            return []
        return [sid, *self._joined.get((namespace, sid), ())]


class Cork:
    """Gathers what one turn of the hub emits to the same room, so that each connection is written to once.

    Whatever else happens to a connection or a room flushes it first: order and membership are as if it were not
    there.
    """

    def __init__(self, rooms: Rooms, soon: Callable[[Callable[[], None]], object] | None) -> None:
        self._rooms = rooms
        self._soon = soon
        self._key: Key = ("", None, ())
        self._packets: list[Any] = []
        self._size = 0
        self._asked = False

    def add(self, key: Key, packets: Sequence[Any]) -> None:
        if self._soon is None:
            self._rooms.send(packets, key)
            return
        if self._packets and key != self._key:
            self.flush()
        self._key = key
        self._packets += packets
        self._size += sum(len(packet.data) for packet in packets)
        if self._size >= CORKED:
            self.flush()
        elif not self._asked:
            self._asked = True
            self._soon(self._turn_is_over)

    def flush(self) -> None:
        if self._packets:
            packets, self._packets = self._packets, []
            self._size = 0
            self._rooms.send(packets, self._key)

    def remove(self) -> None:
        """From here on every emit goes out at once."""
        self.flush()
        self._soon = None

    def _turn_is_over(self) -> None:
        self._asked = False
        self.flush()
