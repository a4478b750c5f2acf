"""engineio's server with sessions, queues and deadlines of our own, and strict where the protocol is."""

from __future__ import annotations

import time
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

import engineio
from engineio import exceptions
from engineio.packet import OPEN, Packet

from api.fanout import deflate, handshake
from api.fanout.clockwork import Clockwork
from api.fanout.outbox import Outbox, Owner
from api.fanout.session import Greeting, Session

PARTING_SECONDS = 5.0
"""How long a polling client that the server has closed may ask for what it was sent before."""
MESSAGE_BYTES = 64 * 1024
"""The most that one incoming message may have, all its fragments together."""
_METHODS = frozenset(("GET", "POST", "OPTIONS"))

Greet = Callable[[str, dict[str, Any]], Greeting]
"""(session id, environ of its first request) → headers for the answer."""


def no_greeting(sid: str, environ: dict[str, Any]) -> Greeting:
    return ()


OpenChannel = Callable[[Session, dict[str, Any]], Any]


class Engine(engineio.Server):  # type: ignore[misc]  # the library has no types
    """What `engineio.Server` becomes in `fit`: its options and its interface stay."""

    kit: Any
    max_message_bytes: int
    compression: bool = False
    clockwork: Clockwork
    open_channel: OpenChannel
    greet: Greet
    _owner: Owner
    _running: bool
    _parting: dict[str, tuple[float, Session]]

    @classmethod
    def fit(cls, server: Any, *, owner: Owner, kit: Any, open_channel: OpenChannel, max_message_bytes: int) -> Engine:
        """`server`, a fresh `engineio.Server`, becomes one of these."""
        server.__class__ = cls
        server.kit, server._owner, server.open_channel = kit, owner, open_channel
        server.max_message_bytes = max_message_bytes
        server.greet = no_greeting
        server.clockwork = Clockwork(
            server.sockets,
            ping_interval=server.ping_interval,
            ping_timeout=server.ping_timeout,
        )
        server._running = False
        server._parting = {}
        fitted: Engine = server
        return fitted

    def create_outbox(self, session: Session) -> Outbox:
        return Outbox(self._owner, session, self.kit)

    def deflates(self, environ: dict[str, Any]) -> bool:
        """Whether a WebSocket that this request opens is to be compressed."""
        return self.compression and deflate.offered(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))

    def forget(self, session: Session) -> None:
        self.sockets.pop(session.sid, None)

    def part_with(self, session: Session) -> None:
        """It is closed; a polling client may still ask for what was sent before, for a while."""
        self._parting[session.sid] = (time.monotonic() + PARTING_SECONDS, session)

    def _last_words(self, session: Session, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        batch = session.queue.get()
        if batch is None:
            self._parting.pop(session.sid, None)
        answer = self._ok([batch]) if batch is not None else self._bad_request(f"Invalid session {session.sid}")
        start_response(answer["status"], answer["headers"] + self._cors_headers(environ))
        return [answer["response"]]

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return self._handle_request(environ, start_response)
        except (ConnectionError, StopIteration):
            raise  # the way of some HTTP servers to be told that a WebSocket has ended
        except Exception:  # a bug of ours or the application's: some HTTP servers would show its traceback
            self.logger.exception("request handler error")
            start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
            return [b"Internal Server Error"]

    def _handle_request(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        query = urllib.parse.parse_qs(environ.get("QUERY_STRING", ""))
        problem = _problem(environ["REQUEST_METHOD"], query)
        if problem is None:
            sid = query.get("sid", [""])[0]
            session = self.sockets.get(sid)
            if session is not None and session.upgraded and _surplus(environ):
                surplus: Iterable[bytes] = session.handle_get_request(environ, start_response)
                return surplus
            parting = self._parting.get(sid)
            if parting is not None and environ["REQUEST_METHOD"] == "GET":
                return self._last_words(parting[1], environ, start_response)
            answer: Iterable[bytes] = super().handle_request(environ, start_response)
            return answer
        refusal = self._bad_request(problem)
        start_response(refusal["status"], refusal["headers"] + self._cors_headers(environ))
        return [refusal["response"]]

    def _handle_connect(
        self, environ: dict[str, Any], start_response: Any, transport: str, jsonp_index: int | None = None
    ) -> Any:
        """A new session, by polling or by WebSocket at once."""
        self._start()
        session = Session(self, self.generate_id())
        sid = session.sid
        self.sockets[sid] = session
        session.send(self._opening(session, transport))
        welcome = self._trigger_event("connect", sid, environ, run_async=False)
        if welcome is not None and welcome is not True:
            self.forget(session)
            return self._unauthorized(welcome or None)
        self.clockwork.expect_ping(sid)
        if transport == "websocket":
            return session.handle_get_request(environ, start_response)
        session.connected = True
        try:
            headers = [*self._cookies(sid), *self.greet(sid, environ)]
            return self._ok(session.poll(), headers=headers, jsonp_index=jsonp_index)
        except exceptions.QueueEmpty:
            return self._bad_request()

    def _opening(self, session: Session, transport: str) -> Packet:
        interval = self.ping_interval + self.ping_interval_grace_period
        return Packet(
            OPEN,
            {
                "sid": session.sid,
                "upgrades": self._upgrades(session.sid, transport),
                "pingTimeout": round(self.ping_timeout * 1000),
                "pingInterval": round(interval * 1000),
                "maxPayload": self.max_http_buffer_size,
            },
        )

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: int | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = super()._ok(packets, headers, jsonp_index)
        if packets is None:
            answer["response"] = b"ok"  # the library shouts
        return answer

    def _cookies(self, sid: str) -> list[tuple[str, str]]:
        if not self.cookie:
            return []
        attributes = (
            self.cookie if isinstance(self.cookie, dict) else {"name": self.cookie, "path": "/", "SameSite": "Lax"}
        )
        return [("Set-Cookie", self._generate_sid_cookie(sid, attributes))]

    def shutdown(self) -> None:
        self._running = False
        super().shutdown()

    def _start(self) -> None:
        if not self._running:
            self._running = True
            self.start_background_task(self.clockwork.run, self.kit.sleep, self._goes_on)

    def _goes_on(self) -> bool:
        now = time.monotonic()
        for sid, (until, _) in list(self._parting.items()):
            if until > now:
                break
            self._parting.pop(sid, None)
        return self._running


def _problem(method: str, query: dict[str, list[str]]) -> str | None:
    """What the protocol does not allow and the library does."""
    if method not in _METHODS:
        return "Bad request method"
    return None if method == "OPTIONS" or "transport" in query else "Transport unknown"


def _surplus(environ: dict[str, Any]) -> bool:
    return handshake.wanted(environ) and handshake.problem(environ) is None
