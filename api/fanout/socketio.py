"""`SocketIO`: Flask-SocketIO's class with an outbox for each connection."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import flask_socketio

from api.fanout.clockwork import OWING_SECONDS
from api.fanout.engine import MESSAGE_BYTES, Engine, Greet, no_greeting
from api.fanout.outbox import Outbox
from api.fanout.patience import PATIENCE_SECONDS, Patience
from api.fanout.rooms import Rooms
from api.fanout.server import Server

Heard = Callable[[str], None]


def _nothing(eio_sid: str) -> None:
    """Nobody asked to hear it."""


class SocketIO(flask_socketio.SocketIO):  # type: ignore[misc]  # the library has no types
    """As `flask_socketio.SocketIO`, with bounded queues and one write for a whole room.

    Options beside that class's own:

    - `max_message_bytes` (65,536): the most that one incoming message may have, its fragments and its attachments
      together; more closes the connection (on WebSocket with 1009). `max_http_buffer_size` bounds a whole POST.
    - `connect_timeout` (10 seconds): a client that has not connected to a namespace by then is closed.
    - `compression` (False): permessage-deflate for WebSockets that offer it.
    - `patience_seconds` (60): a reader that takes nothing for so long is closed.
    - `greet(eio_sid, environ)`: more headers, (name, value) each, for the answer that opens a session, by polling or by
      WebSocket; called before any `connect`.

    `on_full(eio_sid)` is called when more than 64 KiB wait for a connection and `on_drained(eio_sid)` when
    there is room again; both in the middle of an emit or a write, so they must neither block nor switch.
    `on_abandoned(eio_sid)` is called for a connection that is closed because its reader takes nothing, or
    because far too much was put nevertheless.
    """

    def __init__(
        self,
        app: Any = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        max_message_bytes: int = MESSAGE_BYTES,
        connect_timeout: float = OWING_SECONDS,
        compression: bool = False,
        greet: Greet = no_greeting,
        **options: Any,
    ) -> None:
        self.on_full: Heard = _nothing
        self.on_drained: Heard = _nothing
        self.on_abandoned: Heard = _nothing
        self._patience = Patience(self._give_up, seconds=patience_seconds)
        self._watching = False
        self._max_message_bytes = max_message_bytes
        self._connect_timeout = connect_timeout
        self._compression = compression
        self._greet = greet
        super().__init__(app, **options)

    def init_app(self, app: Any, **options: Any) -> None:
        super().init_app(app, **options)
        mode = _Mode(self.server.eio)
        self._rooms = Rooms.fit(self.server.manager, mode.soon)
        engine = Engine.fit(
            self.server.eio,
            owner=self,
            kit=mode,
            open_channel=mode.open_channel,
            max_message_bytes=self._max_message_bytes,
        )
        engine.clockwork.owing_seconds = self._connect_timeout
        engine.compression = self._compression
        engine.greet = self._greet
        Server.fit(self.server)

    def outbox(self, sid: str, namespace: str) -> Outbox | None:
        """The outbox of a connection; None when it is gone, or is Flask-SocketIO's test client."""
        session = self.server.eio.sockets.get(self.server.manager.eio_sid_from_sid(sid, namespace))
        return session.queue if session is not None else None

    def close(self, sid: str, namespace: str) -> None:
        """Close the connection, with all its namespaces, after what was sent to it: it hears why."""
        session = self.server.eio.sockets.get(self.server.manager.eio_sid_from_sid(sid, namespace))
        if session is not None:
            self.flush()
            session.close(wait=False, reason=self.reason.SERVER_DISCONNECT)

    def packets(self, event: str, messages: Iterable[Any], namespace: str) -> list[Any]:
        """The packets that carry `event` with each message: made once for everybody who is to get them."""
        return [packet for message in messages for packet in self._rooms.packets(event, message, namespace)]

    def send_packets(self, packets: Sequence[Any], *, namespace: str, to: str) -> None:
        """Send packets to everybody in a room, or to one connection by its sid, at once: one write for all of them."""
        self.flush()
        self._rooms.send(packets, (namespace, to, ()))

    def test_client(self, *arguments: Any, **options: Any) -> Any:
        """Flask-SocketIO's own; it has no hub whose turn could end, so that every emit arrives at once."""
        self._rooms.cork.remove()
        return super().test_client(*arguments, **options)

    def _handle_event(self, handler: Any, message: str, namespace: str, sid: str, *arguments: Any) -> Any:
        environ = self.server.get_environ(sid, namespace=namespace)
        try:
            return super()._handle_event(handler, message, namespace, sid, *arguments)
        finally:
            if environ is not None:
                environ.pop("werkzeug.request", None)  # made for this event; it would stay until the next one

    # -- what the outboxes tell

    def flush(self) -> None:
        self._rooms.cork.flush()

    def filled(self, outbox: Outbox) -> None:
        self.on_full(outbox.session.sid)

    def drained(self, outbox: Outbox) -> None:
        self.on_drained(outbox.session.sid)

    def overflowed(self, outbox: Outbox) -> None:
        self.start_background_task(self._give_up, outbox)

    def waits(self, outbox: Outbox) -> None:
        if not self._watching:
            self._watching = True
            eio = self.server.eio
            self.start_background_task(self._patience.run, eio.kit.sleep, eio.ping_timeout)
        self._patience.watch(outbox)

    def _give_up(self, outbox: Outbox) -> None:
        """Close a connection whose reader does not take what is sent: a goodbye would not reach it."""
        session = outbox.session
        outbox.discard()
        if not session.closed:
            self.on_abandoned(session.sid)
            session.close(wait=False, abort=True, reason=self.reason.PING_TIMEOUT)
        if outbox.channel is not None:
            outbox.channel.abort()


class _Mode:
    """What differs from one async mode to another."""

    def __init__(self, eio: Any) -> None:
        self.empty: type[Exception] = eio._async["queue_empty"]
        self.bell: Callable[[], Any] = eio._async["queue"]
        self.sleep: Callable[[float], Any] = eio._async["sleep"]
        self._threads = eio.async_mode == "threading"
        on_hub = eio.async_mode == "eventlet"
        module = importlib.import_module("api.fanout.hub_websocket" if on_hub else "api.fanout.websocket")
        self.open_channel: Any = module.open_channel
        self.soon = _soon(eio.async_mode)

    def lock(self) -> contextlib.AbstractContextManager[Any]:
        return threading.RLock() if self._threads else _NO_LOCK


_NO_LOCK = contextlib.nullcontext()


def _soon(mode: str) -> Callable[[Callable[[], None]], object] | None:
    """Calls back when the turn of the hub is over; None where there is no hub."""
    if mode == "eventlet":
        from eventlet.hubs import get_hub

        return lambda call: get_hub().schedule_call_global(0, call)
    if mode == "gevent":
        from gevent import get_hub as get_gevent_hub

        return lambda call: get_gevent_hub().loop.run_callback(call)
    return None
