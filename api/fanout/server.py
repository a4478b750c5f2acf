"""python-socketio's server, strict about what clients send (protocol revision 5)."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import engineio.json
import socketio
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

_RESERVED = frozenset(("connect", "connect_error", "disconnect"))
"""Names of events that only the server may raise."""
_HEADER = re.compile(r"[0-6]([0-9]{1,9}-)?(/[^,]*(,|$))?[0-9]{0,100}([\[{\"]|$)")
"""Type, number of attachments, namespace, id; then JSON or nothing. Python takes other digits for digits too."""
_KEPT = frozenset(
    (
        "CONTENT_TYPE",
        "PATH_INFO",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "REQUEST_METHOD",
        "REQUEST_URI",
        "RAW_URI",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "flask.app",
        "werkzeug.proxy_fix.orig",
        "wsgi.multiprocess",
        "wsgi.multithread",
        "wsgi.run_once",
        "wsgi.url_scheme",
        "wsgi.version",
    )
)
_HANDSHAKE = frozenset(
    ("HTTP_CONNECTION", "HTTP_SEC_WEBSOCKET_EXTENSIONS", "HTTP_SEC_WEBSOCKET_KEY", "HTTP_SEC_WEBSOCKET_VERSION")
)
_UNDEFINED = (0, b"\0")
"""An extension of msgpack in the official client's parser; JSON leaves the member out."""
_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the library's decoder raises, depending on what is wrong."""


class Server(socketio.Server):  # type: ignore[misc]  # the library has no types
    """What `socketio.Server` becomes in `fit`: its options and its interface stay."""

    @classmethod
    def fit(cls, server: Any) -> Server:
        """`server`, a fresh `socketio.Server`, becomes one of these."""
        server.__class__ = cls
        if not server.packet_class.uses_binary_events:
            server.packet_class = _of_any_client(server.packet_class)
        elif server.packet_class.json is engineio.json:
            strict = {"json": _StrictJSON(engineio.json)}
            server.packet_class = type(server.packet_class.__name__, (server.packet_class,), strict)
            server.manager.json = strict["json"]
        for name, handler in (
            ("connect", server._handle_eio_connect),
            ("message", server._handle_eio_message),
            ("disconnect", server._handle_eio_disconnect),
        ):
            server.eio.on(name, handler)
        fitted: Server = server
        return fitted

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        super()._handle_eio_connect(eio_sid, remembered(environ))
        self._expect(eio_sid)

    def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            packet = self._packet(eio_sid, data)
        except _MALFORMED:
            self._refuse(eio_sid)
            return
        if packet is not None:
            self._handle_packet(eio_sid, packet)

    def _packet(self, eio_sid: str, data: Any) -> Any:
        """A whole packet; None while its attachments are not all there. Raises for what is none."""
        packet = self._binary_packet.get(eio_sid)
        if packet is not None:
            return self._attached(eio_sid, packet, data)
        if not isinstance(data, str) and self.packet_class.uses_binary_events:
            raise TypeError("an attachment that was not announced")
        if isinstance(data, str) and not _HEADER.match(data):
            raise ValueError("no header of a packet")
        packet = self.packet_class(encoded_packet=data)
        if not _valid(packet):
            raise ValueError("a packet that no client sends")
        if packet.packet_type != CONNECT and self._strange(eio_sid, packet):
            raise ValueError("too early: it is not connected to any namespace")
        if packet.attachment_count == 0:
            return packet
        if not self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/"):
            raise ValueError("attachments for a namespace that is not connected")
        if _placeholders(packet.data) != set(range(packet.attachment_count)):
            raise ValueError("not as many places for attachments as are announced")
        self._binary_packet[eio_sid] = packet
        self._expect(eio_sid)
        return None

    def _strange(self, eio_sid: str, packet: Any) -> bool:
        """Whether the connection has not been let in yet. One that has just left this namespace may not know it."""
        session = self.eio.sockets.get(eio_sid)
        known = self.manager.sid_from_eio_sid(eio_sid, packet.namespace or "/")
        return session is not None and session.owing is not None and not known

    def _attached(self, eio_sid: str, packet: Any, data: Any) -> Any:
        if not isinstance(data, bytes):
            raise TypeError("an attachment is due")
        if sum(map(len, packet.attachments)) + len(data) > self.eio.max_message_bytes:
            raise ValueError("attachments that are too large together")
        if not packet.add_attachment(data):
            return None
        del self._binary_packet[eio_sid]
        self._settled(eio_sid)
        return packet

    def _handle_packet(self, eio_sid: str, packet: Any) -> None:
        kind = packet.packet_type
        if kind == CONNECT:
            self._handle_connect(eio_sid, packet.namespace, packet.data)
        elif kind == DISCONNECT:
            self._handle_disconnect(eio_sid, packet.namespace, self.reason.CLIENT_DISCONNECT)
        elif kind in (EVENT, BINARY_EVENT):
            self._handle_event(eio_sid, packet.namespace, packet.id, packet.data)
        else:
            self._handle_ack(eio_sid, packet.namespace, packet.id, packet.data)

    def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        name = namespace or "/"
        known = name in self.handlers or name in self.namespace_handlers
        if not (known or self.namespaces == "*" or name in self.namespaces):
            refusal = self.packet_class(CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=name)
            self._send_packet(eio_sid, refusal)
            return
        super()._handle_connect(eio_sid, namespace, data)
        if self.manager.sid_from_eio_sid(eio_sid, name):
            self._settled(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)

    def _expect(self, eio_sid: str) -> None:
        """The client owes something. Flask-SocketIO's test client has no session, and no time-outs."""
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            self.eio.clockwork.expect(session)

    def _settled(self, eio_sid: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            session.owing = None

    def _refuse(self, eio_sid: str) -> None:
        """Close a connection that does not speak the protocol."""
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            session.refuse()


def _valid(packet: Any) -> bool:
    kind, data = packet.packet_type, packet.data
    if not isinstance(packet.namespace, str | None) or not isinstance(packet.id, int | None):
        return False  # msgpack has other types for them
    if kind in (EVENT, BINARY_EVENT):
        return isinstance(data, list) and bool(data) and isinstance(data[0], str) and data[0] not in _RESERVED
    if kind in (ACK, BINARY_ACK):
        return isinstance(data, list) and packet.id is not None
    if kind == CONNECT:
        return data is None or isinstance(data, dict)
    return bool(kind == DISCONNECT) and data is None


def _placeholders(data: Any) -> set[Any]:
    """The numbers of the attachments that have a place in it; what is none stands for itself."""
    found: set[Any] = set()
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("_placeholder") and "num" in one:
                found.add(one["num"] if type(one["num"]) is int else None)
            else:
                waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _of_any_client(kind: Any) -> Any:
    """The packet class `kind`; of msgpack, one that reads what the official client writes for `undefined`."""
    from socketio.msgpack_packet import MsgPackPacket  # who does not use it need not have msgpack

    if not issubclass(kind, MsgPackPacket) or kind.ext_hook is not MsgPackPacket.ext_hook:
        return kind
    other = kind.ext_hook

    def read(code: int, data: bytes) -> Any:
        return None if (code, data) == _UNDEFINED else other(code, data)

    return type(kind.__name__, (kind,), {"ext_hook": read})


class _StrictJSON:
    """Python's `json` takes NaN and Infinity, which are none."""

    def __init__(self, module: Any) -> None:
        self.dumps = module.dumps
        self._loads = module.loads

    def loads(self, text: str) -> Any:
        return self._loads(text, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def remembered(environ: dict[str, Any]) -> dict[str, Any]:
    """What handlers may want to know of the request that opened the connection, without the request itself.

    As it comes the whole of it stays in memory for as long as the connection does.
    """
    kept = {
        sys.intern(name): sys.intern(value) if type(value) is str and len(value) < 64 else value
        for name, value in environ.items()
        if name in _KEPT or (name.startswith("HTTP_") and name not in _HANDSHAKE)
    }
    kept["wsgi.input"] = _NO_BODY
    kept["wsgi.errors"] = sys.stderr
    return kept


_NO_BODY = io.BytesIO()
