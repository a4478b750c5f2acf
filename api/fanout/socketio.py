"""`SocketIO`: Flask-SocketIO's class with an outbox for each connection."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flask_socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from socketio.packet import EVENT

from api.fanout.batch import frame_of
from api.fanout.clock import WallClock
from api.fanout.outbox import Outbox
from api.fanout.patience import PATIENCE_SECONDS, Patience
from api.fanout.simple_websocket import with_outbox

Heard = Callable[[str], None]


def _nothing(eio_sid: str) -> None:
    """Nobody asked to hear it."""


class SocketIO(flask_socketio.SocketIO):  # type: ignore[misc]  # the library has no types
    """As `flask_socketio.SocketIO`, with bounded queues.

    `on_full(eio_sid)` is called when more than 64 KiB wait for a connection and `on_drained(eio_sid)` when
    there is room again; both in the middle of an emit or a write, so they must neither block nor switch.
    `on_abandoned(eio_sid)` is called for a connection that is closed because its reader takes nothing, or
    because far too much was put nevertheless.
    """

    def __init__(self, app: Any = None, *, patience_seconds: float = PATIENCE_SECONDS, **options: Any) -> None:
        self.on_full: Heard = _nothing
        self.on_drained: Heard = _nothing
        self.on_abandoned: Heard = _nothing
        self._patience = Patience(self._give_up, seconds=patience_seconds)
        self._watching = False
        super().__init__(app, **options)

    def init_app(self, app: Any, **options: Any) -> None:
        super().init_app(app, **options)
        self._fit(self.server.eio)

    def outbox(self, sid: str, namespace: str) -> Outbox | None:
        """The outbox of a connection; None when it is gone, or is Flask-SocketIO's test client."""
        eio_sid = self.server.manager.eio_sid_from_sid(sid, namespace)
        return self._outbox_of(eio_sid) if eio_sid is not None else None

    def packets(self, event: str, messages: Iterable[Any], namespace: str) -> list[EnginePacket]:
        """The packets that carry `event` with each message: made once for everybody who is to get them."""
        make = self.server.packet_class
        packets = []
        for message in messages:
            encoded = make(EVENT, namespace=namespace, data=[event, message]).encode()
            parts = encoded if isinstance(encoded, list) else [encoded]  # binary parts follow in packets of their own
            packets += [EnginePacket(MESSAGE, part) for part in parts]
        return packets

    def send_packets(self, packets: Sequence[EnginePacket], *, namespace: str, to: str) -> None:
        """Send packets to everybody in a room, or to one connection by its sid: one write for all of them."""
        sockets = self.server.eio.sockets
        joined: bytes | None = None
        for _sid, eio_sid in self.server.manager.get_participants(namespace, to):
            try:
                outbox = sockets[eio_sid].queue
            except KeyError:  # gone, or Flask-SocketIO's test client
                for packet in packets:
                    self.server._send_eio_packet(eio_sid, packet)
                continue
            if joined is None and outbox.write_now is not None:
                joined = b"".join(map(frame_of, packets))
            outbox.put_all(packets, joined)

    def _outbox_of(self, eio_sid: str) -> Outbox | None:
        socket = self.server.eio.sockets.get(eio_sid)
        return socket.queue if socket is not None else None

    # -- fitting engineio's server with outboxes

    def _fit(self, eio: Any) -> None:
        eio._async = dict(eio._async, websocket=self._websocket_class(eio))
        eio.create_queue = lambda: self._create(eio)
        connected = eio.handlers["connect"]

        def connect(eio_sid: str, environ: dict[str, Any]) -> Any:
            eio.sockets[eio_sid].queue.socket = eio.sockets[eio_sid]
            return connected(eio_sid, environ)

        eio.on("connect", connect)

    def _websocket_class(self, eio: Any) -> Any:
        if self.async_mode != "eventlet":
            return with_outbox(eio._async["websocket"])
        from api.fanout.eventlet_websocket import EventletWebSocket

        return EventletWebSocket

    def _create(self, eio: Any) -> Outbox:
        lock = threading.RLock() if self.async_mode == "threading" else contextlib.nullcontext()
        return Outbox(
            self, bell=eio._async["queue"](), empty=eio._async["queue_empty"], lock=lock, sleep=eio._async["sleep"]
        )

    # -- what the outboxes tell

    def filled(self, outbox: Outbox) -> None:
        if outbox.socket is not None:
            self.on_full(outbox.socket.sid)

    def drained(self, outbox: Outbox) -> None:
        if outbox.socket is not None:
            self.on_drained(outbox.socket.sid)

    def overflowed(self, outbox: Outbox) -> None:
        self.start_background_task(self._give_up, outbox)

    def waits(self, outbox: Outbox) -> None:
        if not self._watching:
            self._watching = True
            eio, clock = self.server.eio, WallClock()

            def follow_the_clock() -> bool:
                clock.follow(list(eio.sockets.values()))
                return True

            self.start_background_task(self._patience.run, eio._async["sleep"], eio.ping_timeout, follow_the_clock)
        self._patience.watch(outbox)

    def _give_up(self, outbox: Outbox) -> None:
        """Close a connection whose reader does not take what is sent: a goodbye would not reach it."""
        socket = outbox.socket
        outbox.discard()
        if socket is not None and not socket.closed:
            self.on_abandoned(socket.sid)
            socket.close(wait=False, abort=True, reason=self.reason.PING_TIMEOUT)
        if outbox.channel is not None:
            outbox.channel.abort()
