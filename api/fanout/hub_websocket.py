"""A WebSocket driven by eventlet's hub: no thread of its own, no request kept alive, no HTTP buffers.

The connection is taken out of the HTTP server's hands: the request ends, and the hub calls when the socket can
be read or written. A green thread lives only while a message is handled.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

import eventlet
import eventlet.hubs
import eventlet.wsgi

from api.fanout import deflate, frames, handshake, hub_socket, kernel
from api.fanout.batch import ControlFrame, frame_of
from api.fanout.frames import BadFrame, FrameReader
from api.fanout.outbox import Outbox
from api.fanout.session import Session

READ_BYTES = 64 * 1024
MOST_UNHANDLED = 64
"""Messages that may wait for their handlers; with more, nothing is read until they have been handled."""
LINGER_SECONDS = 2.0
"""How long the other side has to hang up after the goodbye."""
_PONG = "3"


class _End:
    """Comes after the last message: how it ended."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code, self.reason = code, reason


def open_channel(session: Session, environ: dict[str, Any]) -> Any:
    """Answer the handshake and take the connection over. What a WSGI application returns."""
    eventlet.wsgi.WSGI_LOCAL.already_handled = True
    green = environ["eventlet.input"].get_socket()
    early = _read_ahead(environ, green) + hub_socket.decrypted(green)
    sock = hub_socket.taken_over(green)
    kernel.prepare(sock)
    deflates = session.server.deflates(environ)
    answer = handshake.answer(environ, deflate.ANSWER if deflates else "", session.greeting(environ))
    HubWebSocket(sock, session, deflates).start(answer, early)
    return ()


def _read_ahead(environ: dict[str, Any], green: Any) -> bytes:
    """What the HTTP parser has read beyond the request, from a client that did not wait for the answer."""
    if "gunicorn.socket" in environ:
        return bytes(handshake.gunicorn_reader(environ).take_buffered())
    green.act_non_blocking = True
    with suppress(OSError):
        return bytes(environ["eventlet.input"].rfile.peek(1))
    return b""


class HubWebSocket:
    __slots__ = (
        "_deflates",
        "_ending",
        "_inbox",
        "_over",
        "_read_listener",
        "_reader",
        "_released",
        "_session",
        "_sock",
        "_working",
        "_write_listener",
    )

    def __init__(self, sock: Any, session: Session, deflates: bool = False) -> None:
        self._sock = sock
        self._session = session
        self._deflates = deflates
        self._reader = FrameReader(session.server.max_message_bytes, deflate.inflated if deflates else None)
        self._inbox: deque[str | bytes | _End] | None = None
        self._working = False
        self._over = False
        """Nothing more is heard."""
        self._ending = False
        """The goodbye is said."""
        self._released = False
        self._read_listener: Any = None
        self._write_listener: Any = None

    def start(self, answer: bytes, early: bytes) -> None:
        self.write_now(answer)
        self._listen()
        self._session.opened(self)
        if early:
            self._take(early)

    # -- what goes out

    @property
    def send(self) -> Any:
        return self._sock.send

    def take_over(self, outbox: Outbox) -> None:
        if self._deflates:
            outbox.framed = deflate.deflated_frame_of
        outbox.attach_direct(self)

    def send_now(self, packet: Any) -> None:
        """A small one that does not wait in the outbox, on a connection that has just begun."""
        self.write_now(frame_of(packet))

    def write_now(self, data: bytes) -> int:
        """Bytes that the socket took, without waiting. A broken one takes none."""
        if self._ending or self._released:
            return 0
        try:
            sent: int = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._lost()
            return 0
        return sent

    def wake(self) -> None:
        if self._write_listener is None and not (self._ending or self._released):
            self._write_listener = _add("write", self._sock, self._writable)

    def _stop_writing(self) -> None:
        listener, self._write_listener = self._write_listener, None
        _remove(listener)

    def _writable(self, _fd: int) -> None:
        if self._ending or self._released:
            return
        outbox = self._session.queue
        outbox.pump()
        if outbox.idle:
            self._stop_writing()
            if outbox.over:
                self._finish(*self._session.farewell)

    # -- what comes in

    def _listen(self) -> None:
        if self._read_listener is None and not self._released:
            self._read_listener = _add("read", self._sock, self._readable)

    def _stop_reading(self) -> None:
        listener, self._read_listener = self._read_listener, None
        _remove(listener)

    def _readable(self, _fd: int) -> None:
        if self._released:
            return
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if self._ending:
            if not data:
                self._release()
        elif self._over:
            self._stop_reading()
        elif data:
            self._take(data)
        else:
            self._lost()

    def _take(self, data: bytes) -> None:
        try:
            for opcode, payload in self._reader.feed(data):
                if opcode == frames.PING:
                    answer = frames.pong(payload)  # type: ignore[arg-type]  # control frames are bytes
                    self._session.queue.put(ControlFrame(answer))
                elif opcode == frames.CLOSE:
                    self._last(_End(frames.close_code(payload)))  # type: ignore[arg-type]  # control frames are bytes
                    return
                elif opcode != frames.PONG:
                    self._hear(payload)
        except BadFrame as bad:
            self._last(_End(bad.code, bad.reason))

    def _hear(self, message: str | bytes) -> None:
        if self._working:
            self._hand_over(message)
        elif not self._session.upgraded:  # a probe: no handler hears it, and what comes next may hang on it
            if not self._session.heard(self, message):
                self._last(_End(frames.NORMAL))
        elif message == _PONG:
            self._session.ponged()
        else:
            self._hand_over(message)

    def _last(self, end: _End) -> None:
        """Nothing that comes after it is heard; what came before it is, first."""
        self._over = True
        self._stop_reading()
        self._hand_over(end)

    def _hand_over(self, message: str | bytes | _End) -> None:
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(message)
        if not self._working:
            self._working = True
            eventlet.spawn_n(self._work)
        elif len(self._inbox) >= MOST_UNHANDLED:
            self._stop_reading()

    def _work(self) -> None:
        """The body of a green thread that handles what has come, in order."""
        try:
            while self._inbox:
                message = self._inbox.popleft()
                if isinstance(message, _End):
                    self._finish(message.code, message.reason)
                elif self._session.heard(self, message):
                    continue
                self._over = True
                self._inbox.clear()
                self._session.gone(self)
                if self._session.queue.channel is not self:
                    self._finish(*self._session.farewell)
        finally:
            self._inbox = None
            self._working = False
            if not self._over:
                self._listen()

    def _lost(self) -> None:
        """The other side is gone; its session hears it after what it had sent."""
        self._release()
        self._last(_End(frames.GOING_AWAY))

    # -- the end

    def _finish(self, code: int, reason: str = "") -> None:
        """Say goodbye, and give the other side a little time to hang up.

        Closing at once could cost it the last messages.
        """
        if self._ending or self._released:
            return
        outbox = self._session.queue
        if outbox.channel is not self or outbox.idle:  # else it would come in the middle of a frame
            self.write_now(frames.closing(code, reason))
        self._ending = True
        self._stop_writing()
        self._listen()
        kernel.say_no_more(self._sock)
        eventlet.hubs.get_hub().schedule_call_global(LINGER_SECONDS, self._release)

    def _release(self) -> None:
        if not self._released:
            self._released = True
            self._stop_reading()
            self._stop_writing()
            self._sock.close()

    def dismiss(self) -> None:
        """Say goodbye at once."""
        self._last(_End(frames.NORMAL))

    def abort(self) -> None:
        """End it now."""
        self._release()

    def unsent(self) -> int:
        """Bytes that the kernel has taken and the other side has not."""
        return 0 if self._released else kernel.unsent(self._sock)


def _add(kind: str, sock: Any, heard: Any) -> Any:
    return eventlet.hubs.get_hub().add(kind, sock.fileno(), heard, _nothing, _nothing)


def _remove(listener: Any) -> None:
    if listener is not None:
        eventlet.hubs.get_hub().remove(listener)


def _nothing(*_: Any) -> None:
    """eventlet's listeners want to be told of a descriptor that is closed under them: these never are."""
