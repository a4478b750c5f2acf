"""An Engine.IO session (protocol revision 4): its transports, what it receives, its end.

It stands where `engineio.Socket` stands in the library's server. Whether its WebSocket has threads of its own
or is driven by eventlet's hub is the channel's business.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from engineio import exceptions
from engineio.packet import CLOSE, MESSAGE, NOOP, PING, PONG, UPGRADE, Packet
from engineio.payload import Payload

from api.fanout import handshake
from api.fanout.batch import Batch
from api.fanout.frames import NORMAL
from api.fanout.outbox import Outbox

_PROBE = "probe"
Greeting = Sequence[tuple[str, str]]
"""Headers of the answer that opens a session."""
CROSSING_SECONDS = 0.3
"""How long the packet that closes a polling session waits for a poll: of two requests that a client sends at once,
the HTTP server may read either first."""
_LOOK_SECONDS = 0.02


class Session:
    __slots__ = (
        "_expected",
        "_polling",
        "_posting",
        "awaited",
        "closed",
        "closing",
        "connected",
        "last_ping",
        "owing",
        "queue",
        "server",
        "session",
        "sid",
        "upgraded",
        "upgrading",
    )

    farewell = (NORMAL, "")
    """Code and reason of the WebSocket's close frame."""

    def __init__(self, server: Any, sid: str) -> None:
        """`server`: the `Engine`."""
        self.server = server
        self.sid = sid
        self.queue: Outbox = server.create_outbox(self)
        self.last_ping: float | None = None
        """When the ping was sent that is not answered yet, on the monotonic clock."""
        self.awaited = False
        """Whether the clockwork will look for the answer."""
        self.connected = False
        self.upgrading = False
        self.upgraded = False
        self.closing = False
        self.closed = False
        self.owing: float | None = None
        """Since when the client owes what it must send next, on the monotonic clock; closed if it does not come."""
        self.session: dict[str, Any] = {}
        """engineio's user session."""
        self._polling = False
        self._posting = False
        self._expected = ""

    # -- out

    def send(self, packet: Any) -> None:
        if not self.closed:
            self.queue.put(packet)

    def ping(self, since: float) -> None:
        """`since`: from when on the time for its answer counts."""
        self.last_ping = since
        self.send(Packet(PING))

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End it: the application hears `reason`; then, unless `abort`, so does the client."""
        if self.closed or self.closing:
            return
        self.closing = True
        wished = self.server.reason.SERVER_DISCONNECT
        self.server._trigger_event("disconnect", self.sid, reason or wished, run_async=False)
        if not abort:
            self.queue.put(Packet(CLOSE))
        if reason in (None, wished) and not (abort or self.upgraded):
            self.server.part_with(self)  # first: on threads a poll may come between any two of these lines
        self.closed = True
        self.server.forget(self)
        self.queue.put(None)
        if wait:
            self.queue.join()

    def refuse(self) -> None:
        """End it, as its client does not speak the protocol."""
        self.close(wait=False, abort=not self._polling, reason=self.server.reason.TRANSPORT_ERROR)

    def check_ping_timeout(self) -> bool:
        """engineio asks before it hands a session out. The engine's own clockwork closes it."""
        return not self.closed

    # -- in

    def receive(self, packet: Packet) -> None:
        """Handle one packet. `EngineIOError` when no client may send it."""
        kind = packet.packet_type
        if kind == MESSAGE:
            self.server._trigger_event("message", self.sid, packet.data, run_async=self.server.async_handlers)
        elif kind == PONG:
            self.ponged()
        elif kind == CLOSE:
            self._meet_poll()
            self.close(wait=False, abort=True, reason=self.server.reason.CLIENT_DISCONNECT)
        elif kind not in (UPGRADE, NOOP):
            raise exceptions.UnknownPacketError

    def ponged(self) -> None:
        if self.last_ping is not None:
            self.last_ping = None
            self.server.clockwork.expect_ping(self.sid)

    def _decoded(self, encoded: str | bytes) -> Packet:
        """`EngineIOError` for what is no packet, or larger than a message may be."""
        if len(encoded) > self.server.max_message_bytes:
            raise exceptions.ContentTooLongError
        try:
            return Packet(encoded_packet=encoded)
        except (ValueError, TypeError, RecursionError):
            raise exceptions.UnknownPacketError from None

    # -- polling

    def handle_get_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        """A poll or an upgrade. A poll's answer is a list of packets; `EngineIOError` ends the session."""
        if handshake.wanted(environ):
            return self._open_websocket(environ, start_response)
        if self.upgrading:
            return [Packet(NOOP)]
        return self.poll()

    def poll(self) -> list[Batch | Packet]:
        """Wait for packets for a polling client; one that says nothing, if the session ends without a word."""
        if self.last_ping is not None and self.last_ping + self.server.ping_timeout <= time.monotonic():
            self.close(wait=False, reason=self.server.reason.PING_TIMEOUT)
            raise exceptions.EngineIOError
        if self._polling:  # or the one before was cancelled, and what it took is lost
            self.close(wait=False)
            raise exceptions.EngineIOError
        self._polling = True
        try:
            batch = self.queue.get(timeout=self.server.ping_interval + self.server.ping_timeout)
        except self.server.kit.empty:
            self.close(wait=False, reason=self.server.reason.TRANSPORT_ERROR)
            raise exceptions.QueueEmpty from None
        finally:
            self._polling = False
        return [batch if batch is not None else Packet(NOOP)]

    def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Packets of a polling client. `EngineIOError` when it is not one, or two come at once: it is over then."""
        try:
            for packet in self._payload(self._body(environ)):
                if not self.closed:
                    self.receive(packet)
        except (exceptions.EngineIOError, ValueError, OSError):
            self.refuse()
            raise exceptions.UnknownPacketError from None

    def _body(self, environ: dict[str, Any]) -> bytes:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if self._posting or not 0 <= length <= self.server.max_http_buffer_size:
            raise exceptions.ContentTooLongError
        self._posting = True
        try:
            body: bytes = environ["wsgi.input"].read(length)
        finally:
            self._posting = False
        if len(body) < length:
            raise OSError("the connection ended in the middle of a request")
        return body

    def _end_poll(self) -> None:
        if self._polling:
            self.queue.put(Packet(NOOP))

    def _meet_poll(self) -> None:
        """Let a poll in that is under way, so that it is ended and not refused."""
        deadline = time.monotonic() + CROSSING_SECONDS
        while not (self._polling or self.upgrading or self.upgraded or self.closing):
            if time.monotonic() >= deadline:
                return
            self.server.kit.sleep(_LOOK_SECONDS)

    def _payload(self, body: bytes) -> list[Packet]:
        text = body.decode()
        if text.startswith("d="):  # JSONP
            return list(Payload(encoded_payload=text).packets)
        parts = text.split("\x1e", Payload.max_decode_packets)
        if len(parts) > Payload.max_decode_packets:
            raise exceptions.ContentTooLongError
        return [self._decoded(part) for part in parts]

    # -- WebSocket

    def _open_websocket(self, environ: dict[str, Any], start_response: Any) -> Any:
        problem = handshake.problem(environ)
        if problem is not None:
            if not self.connected:
                self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            return self.server._bad_request(problem)
        surplus = self.upgrading or self.upgraded
        return self.server.open_channel(_Surplus(self.server) if surplus else self, environ)

    def greeting(self, environ: dict[str, Any]) -> Greeting:
        """Headers for the answer to a WebSocket; an upgrade has had them with the first poll."""
        return () if self.connected else self.server.greet(self.sid, environ)

    def opened(self, channel: Any) -> None:
        """A WebSocket stands: the first transport of the session, or one that it may move to."""
        if self.connected:
            self.upgrading = True
            self._expected = str(PING) + _PROBE
        else:
            self.connected = self.upgraded = True
            channel.take_over(self.queue)

    def heard(self, channel: Any, message: str | bytes) -> bool:
        """A message on a WebSocket; False when that is over."""
        if not self.upgraded:
            return self._probed(channel, message)
        try:
            self.receive(self._decoded(message))
        except exceptions.EngineIOError:
            self.refuse()
        return not self.closed

    def _probed(self, channel: Any, message: str | bytes) -> bool:
        if message != self._expected:
            return False
        if message != str(UPGRADE):
            self._expected = str(UPGRADE)
            channel.send_now(Packet(PONG, _PROBE))
            self._end_poll()
            return True
        self.upgraded, self.upgrading = True, False
        channel.take_over(self.queue)
        return True

    def gone(self, channel: Any) -> None:
        """A WebSocket has ended. If it was only tried, the session goes on polling."""
        if self.queue.channel is channel:
            if not self.closed:
                self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
                self.queue.discard()
        elif not self.upgraded:
            self.upgrading = False


class _Surplus:
    """Stands for a session where a WebSocket is one too many: opened, as the protocol has it, and closed."""

    upgraded = False
    farewell = (NORMAL, "")

    def __init__(self, server: Any) -> None:
        self.server = server
        self.queue = _NO_QUEUE

    def greeting(self, environ: dict[str, Any]) -> Greeting:
        return ()

    def opened(self, channel: Any) -> None:
        channel.dismiss()

    def heard(self, channel: Any, message: str | bytes) -> bool:
        return False

    def gone(self, channel: Any) -> None:
        """The session itself goes on."""


class _NoQueue:
    channel = None
    idle = True

    def put(self, packet: Any) -> None:
        """Nothing is answered."""


_NO_QUEUE = _NoQueue()
