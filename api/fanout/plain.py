"""Plain WebSockets: messages of text with nothing above them, on the channels that carry Engine.IO too.

So they have its limits: 64 KiB a message, strict frames, an outbox that is bounded in bytes, and an end for readers
that take nothing.
"""

from __future__ import annotations

from typing import Any, Protocol

from api.fanout import frames, handshake
from api.fanout.batch import ControlFrame, TextMessage
from api.fanout.bucket import Bucket, Verdict
from api.fanout.outbox import Outbox
from api.fanout.patience import Patience
from api.fanout.session import Greeting

BURST, PER_SECOND = 200, 50.0
"""Messages that a client may send at once, and each second after that."""
SURPLUS = 100
"""Messages above that which are refused before the connection is closed."""


class Handler(Protocol):
    """What stands behind one connection. Only `heard` may block."""

    def opened(self, socket: PlainSocket) -> None:
        """It stands, and nothing has been heard yet."""

    def heard(self, socket: PlainSocket, text: str) -> None:
        """A message; they come one after the other."""

    def flooded(self, socket: PlainSocket) -> None:
        """A message was refused, because there are too many."""

    def filled(self) -> None:
        """There is no room for more until `drained`."""

    def drained(self) -> None: ...

    def closed(self) -> None:
        """It has ended, whoever ended it; told once."""


class PlainSocket:
    """Stands where an Engine.IO session stands for a channel and an outbox."""

    __slots__ = ("__weakref__", "_bucket", "_handler", "closed", "farewell", "last_ping", "queue", "server")
    upgraded = True

    def __init__(self, server: PlainSockets, handler: Handler) -> None:
        self.server = server
        self.queue = Outbox(server, self, server.kit)
        self.closed = False
        """Nothing more is heard or sent, beyond what is queued."""
        self.farewell = (frames.NORMAL, "")
        self.last_ping = None
        self._handler = handler
        self._bucket = Bucket(BURST, PER_SECOND, SURPLUS)

    def send(self, text: str) -> None:
        """Queue a message, or write it now; dropped once the connection is closed. Neither blocks nor switches."""
        self.put(TextMessage(text))

    def put(self, message: TextMessage) -> None:
        """The same with one that others get too: it is framed once."""
        if not self.closed:
            self.queue.put(message)

    def close(self, code: int = frames.NORMAL, reason: str = "") -> None:
        """End it after what is queued; the other side is told why."""
        if not self.closed:
            self.farewell = (code, reason)
            self._end()
            self.queue.put(None)

    def ping(self) -> None:
        """What keeps proxies from closing it, and has the kernel find out whether anybody is there."""
        self.queue.put(ControlFrame(frames.PING_FRAME))

    # -- what the channel asks and tells

    def greeting(self, environ: dict[str, Any]) -> Greeting:
        """No headers of its own for the answer to its handshake."""
        return ()

    def opened(self, channel: Any) -> None:
        self.server.sockets.add(self)
        channel.take_over(self.queue)
        self._handler.opened(self)

    def heard(self, channel: Any, message: str | bytes) -> bool:
        if self.closed:
            return False
        if isinstance(message, bytes):
            self.close(frames.UNSUPPORTED, "text messages only")
        else:
            self._weigh(message)
        return not self.closed

    def _weigh(self, message: str) -> None:
        verdict = self._bucket.take()
        if verdict is Verdict.FINE:
            self._handler.heard(self, message)
        elif verdict is Verdict.REFUSED:
            self._handler.flooded(self)
        else:
            self.close(frames.POLICY, "too many messages")

    def ponged(self) -> None:
        """A message "3", which Engine.IO has for a pong and we for one like any other."""
        self.server.start_background_task(self.heard, None, "3")

    def gone(self, channel: Any) -> None:
        if not self.closed:
            self._end()
            self.queue.discard()

    def filled(self) -> None:
        self._handler.filled()

    def drained(self) -> None:
        self._handler.drained()

    def give_up(self) -> None:
        """Its reader takes nothing: a goodbye would not reach it."""
        self.queue.discard()
        self._end()
        if self.queue.channel is not None:
            self.queue.channel.abort()

    def _end(self) -> None:
        if not self.closed:
            self.closed = True
            self.server.sockets.discard(self)
            self._handler.closed()


class PlainSockets:
    """All of one process; stands where the Engine.IO server stands for a channel, and owns their outboxes."""

    def __init__(self, eio: Any, *, patience_seconds: float) -> None:
        """`eio`: the `Engine` whose limits and deadlines hold here too."""
        self.kit = eio.kit
        self.max_message_bytes: int = eio.max_message_bytes
        self.sockets: set[PlainSocket] = set()
        self._eio = eio
        self._patience = Patience(_give_up, seconds=patience_seconds)
        self._watching = False

    def accept(self, environ: dict[str, Any], handler: Handler) -> Any:
        """Serve a request that `handshake.problem` has nothing against. What a WSGI application returns."""
        self._watch()
        return self._eio.open_channel(PlainSocket(self, handler), environ)

    def deflates(self, environ: dict[str, Any]) -> bool:
        """Whether a WebSocket that this request opens is to be compressed."""
        return bool(self._eio.deflates(environ))

    def start_background_task(self, target: Any, *arguments: Any, **options: Any) -> Any:
        return self._eio.start_background_task(target, *arguments, **options)

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self.start_background_task(self._patience.run, self.kit.sleep, self._eio.ping_timeout)
            self.start_background_task(self._ping_for_ever)

    def _ping_for_ever(self) -> None:
        while True:
            self.kit.sleep(self._eio.ping_interval)
            for socket in list(self.sockets):
                socket.ping()

    # -- what the outboxes tell

    def flush(self) -> None:
        """Nothing is held back here."""

    def filled(self, outbox: Outbox) -> None:
        outbox.session.filled()

    def drained(self, outbox: Outbox) -> None:
        outbox.session.drained()

    def overflowed(self, outbox: Outbox) -> None:
        self.start_background_task(outbox.session.give_up)

    def waits(self, outbox: Outbox) -> None:
        self._patience.watch(outbox)


def _give_up(outbox: Outbox) -> None:
    outbox.session.give_up()


def problem(environ: dict[str, Any]) -> str | None:
    """What is wrong with a request to a WebSocket's address; None if it asks for one as it should."""
    if not handshake.wanted(environ):
        return "this address speaks WebSocket: send `Connection: Upgrade` and `Upgrade: websocket`"
    return handshake.problem(environ)
