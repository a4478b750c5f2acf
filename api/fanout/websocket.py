"""A WebSocket that blocks: for gevent and threads. One thread reads it, another one writes."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from api.fanout import deflate, frames, handshake, kernel
from api.fanout.batch import frame_of
from api.fanout.frames import BadFrame, FrameReader
from api.fanout.outbox import Outbox
from api.fanout.session import Session

READ_BYTES = 16 * 1024
LINGER_SECONDS = 2.0
"""How long a client that is told why it ends has to hang up."""

Receive = Callable[[int], bytes]


def open_channel(session: Session, environ: dict[str, Any]) -> Any:
    """Answer the handshake and serve the connection to its end on the request's thread."""
    raw, receive, hand_back = _connection(environ)
    deflates = session.server.deflates(environ)
    with suppress(OSError):
        raw.settimeout(None)  # `Patience` decides how long a reader may take
        kernel.prepare(raw)
        raw.sendall(handshake.answer(environ, deflate.ANSWER if deflates else "", session.greeting(environ)))
    BlockingWebSocket(raw, receive, session, deflates).serve()
    hand_back()
    return ()


def _connection(environ: dict[str, Any]) -> tuple[Any, Receive, Any]:
    """The socket of the request, what reads it, and what tells its HTTP server that there is nothing more to answer.

    It is read as the HTTP server does it, whose parser may have read beyond the request.
    """
    if "werkzeug.socket" in environ:
        return environ["werkzeug.socket"], environ["wsgi.input"].read1, _raise(ConnectionError)
    if "gunicorn.socket" in environ:
        reader = handshake.gunicorn_reader(environ)
        return environ["gunicorn.socket"], lambda _most: reader.read(), _raise(StopIteration)
    stream = environ["wsgi.input"]
    stream = getattr(stream, "rfile", stream)
    try:
        raw = stream.raw._sock
    except AttributeError:
        software = environ.get("SERVER_SOFTWARE", "this HTTP server")
        raise RuntimeError(f"{software} does not hand out its connections: WebSockets need another one") from None
    return raw, stream.read1, _raise(ConnectionResetError, errno.ECONNRESET)  # gevent's: else it reads on


def _raise(kind: type[Exception], *arguments: Any) -> Any:
    def hand_back() -> None:
        raise kind(*arguments)

    return hand_back


class BlockingWebSocket:
    def __init__(self, raw: Any, receive: Receive, session: Session, deflates: bool) -> None:
        self._raw = raw
        self._receive = receive
        self._session = session
        self._deflates = deflates
        self._reader = FrameReader(session.server.max_message_bytes, deflate.inflated if deflates else None)
        self._writing = threading.Lock()  # green where the process is patched
        self._over = False
        self._finished = False
        """The goodbye is said."""

    def serve(self) -> None:
        """Read until it ends."""
        session = self._session
        try:
            session.opened(self)
            for message in self._messages():
                if not session.heard(self, message):
                    break
        finally:
            session.gone(self)
            if session.queue.channel is self:
                session.queue.join()  # the writing thread may still be at it
            if session.queue.idle:
                self._finish(*session.farewell)
            else:
                self.abort()
            while self._received():
                pass  # what it still sends: closed on top of that, it might never read the goodbye

    def _messages(self) -> Iterator[str | bytes]:
        try:
            while data := self._received():
                for opcode, payload in self._reader.feed(data):
                    if opcode == frames.PING:
                        self._write(frames.pong(payload))  # type: ignore[arg-type]  # control frames are bytes
                    elif opcode == frames.CLOSE:
                        self._finish(frames.close_code(payload))  # type: ignore[arg-type]  # see above
                        return
                    elif opcode != frames.PONG:
                        yield payload
        except BadFrame as bad:
            self._session.queue.join()  # what answers the messages before it goes first
            self._finish(bad.code, bad.reason)

    def _received(self) -> bytes:
        try:
            return self._receive(READ_BYTES)
        except OSError:
            return b""

    def take_over(self, outbox: Outbox) -> None:
        if self._deflates:
            outbox.framed = deflate.deflated_frame_of
        outbox.attach(self)
        self._session.server.start_background_task(self._write_from, outbox)

    def _write_from(self, outbox: Outbox) -> None:
        """The body of the writing thread."""
        while (batch := outbox.get()) is not None:
            if not self._write(batch.frames(outbox.framed)):
                outbox.discard()
        self._finish(*self._session.farewell)

    def send_now(self, packet: Any) -> None:
        self._write(frame_of(packet))

    def _write(self, data: bytes) -> bool:
        """All of it; False when that is not possible any more."""
        with self._writing:
            if self._over:
                return False
            try:
                self._raw.sendall(data)
            except OSError:
                self._over = True
            return not self._over

    def _finish(self, code: int, reason: str = "") -> None:
        """Say goodbye and wake whoever reads: the HTTP server closes the socket.

        A client that has to know why has a little time to read it, amid whatever it is sending.
        """
        if self._finished:
            return
        self._finished = True
        said = self._write(frames.closing(code, reason))
        self._over = True
        if code == frames.NORMAL or not said:
            kernel.cut_off(self._raw)
        else:
            kernel.say_no_more(self._raw)
            self._session.server.start_background_task(self._cut_off_later)

    def _cut_off_later(self) -> None:
        self._session.server.kit.sleep(LINGER_SECONDS)
        kernel.cut_off(self._raw)

    def dismiss(self) -> None:
        """Say goodbye at once."""
        self._finish(frames.NORMAL)

    def abort(self) -> None:
        """End it now, whoever is waiting in it."""
        self._over = True
        kernel.cut_off(self._raw)

    def unsent(self) -> int:
        """Bytes that the kernel has taken and the other side has not."""
        return kernel.unsent(self._raw)
