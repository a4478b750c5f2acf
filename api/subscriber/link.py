"""One Socket.IO connection that is kept up: connect, notice its loss, back off, connect again.

It knows nothing of tasks. python-socketio's own reconnection is not used: when the server dies in the
middle of a handshake its client stays "connected" with no one reading, and never tries again. So each
try gets a fresh client.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import engineio
import socketio
import websocket

from api.domain.cursor import backoff
from api.errors import ConnectionLost
from api.subscriber.advice import no_address, reason_of, unreachable
from api.subscriber.subscriptions import accepted

logger = logging.getLogger("runcast.client")
_library_logger = logging.getLogger("runcast.client.socketio")
_library_logger.addHandler(logging.NullHandler())
_library_logger.setLevel(logging.ERROR)  # it warns of each lost connection, which is said here already

HANDSHAKE_SECONDS = 5.0
ANSWER_SECONDS = 10.0
GOODBYE_SECONDS = 0.2
STEADY_SECONDS = 2.0
"""A connection that lasted this long counts as a success: after its loss the back-off starts anew."""
WATCH_SECONDS = 5.0
"""How often a standing connection is looked after."""
ASLEEP_SECONDS = 5.0
"""A look that comes so late means that this process, or the machine, was suspended."""
PROBE_SECONDS = 5.0
NO_TASK = "-"
"""Unsubscribing from it changes nothing and is acknowledged: so a server shows that it is there."""


class _OrderedEngine(engineio.Client):  # type: ignore[misc]  # the library has no types
    """Handles messages one after another: as it comes, each gets a thread of its own and may overtake."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._messages: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._handling: threading.Thread | None = None

    def start_background_task(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if target != self.handlers["message"]:
            thread = super().start_background_task(target, *args, **kwargs)
            thread.name = "runcast-socket"
            return thread
        if self._handling is None:
            self._handling = threading.Thread(target=self._handle_all, name="runcast-messages", daemon=True)
            self._handling.start()
        self._messages.put(args)
        return self._handling

    def _handle_all(self) -> None:
        while (args := self._messages.get()) is not None:
            try:
                self.handlers["message"](*args)
            except Exception:  # one packet that cannot be read must not silence those after it
                logger.exception("a message of the server could not be read", extra={"action": "read"})

    def stop_handling(self) -> None:
        self._messages.put(None)


class _BriefGoodbye(websocket.WebSocket):
    """Says goodbye and hangs up, without waiting for the other side's.

    As it comes, `close` waits for the thread that reads, and in a network that has fallen silent that one
    reads until the pings are overdue: three quarters of a minute.
    """

    def close(
        self, status: int = websocket.STATUS_NORMAL, reason: str | bytes = b"", timeout: float | None = None
    ) -> None:
        if self.connected and self.sock is not None:
            with contextlib.suppress(OSError, websocket.WebSocketException):
                self.sock.settimeout(GOODBYE_SECONDS)
                self.send_close(status, reason.encode() if isinstance(reason, str) else reason)
        self.hang_up()

    def hang_up(self) -> None:
        sock = self.sock  # None when another thread was faster
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads; to close alone would not
        self.shutdown()  # type: ignore[no-untyped-call]  # the library has types for some methods only


class Connection(socketio.Client):  # type: ignore[misc]  # the library has no types
    """One life of the connection; `lost` is set when it is over, for whatever reason."""

    def __init__(self) -> None:
        self.lost = threading.Event()
        self._asking: set[queue.SimpleQueue[Any]] = set()
        super().__init__(
            reconnection=False,
            handle_sigint=False,
            logger=_library_logger,
            engineio_logger=_library_logger,
            request_timeout=HANDSHAKE_SECONDS,
            websocket_extra_options={"class_": _BriefGoodbye},
        )

    def _engineio_client_class(self) -> type[engineio.Client]:
        return _OrderedEngine

    def _handle_eio_disconnect(self, reason: str) -> None:
        super()._handle_eio_disconnect(reason)
        self._over()

    def _over(self) -> None:
        self.lost.set()
        self.eio.stop_handling()
        self._wake_handshake()
        for waiting in tuple(self._asking):
            waiting.put(None)

    def _wake_handshake(self) -> None:
        """`connect` may be waiting for an answer that will not come."""
        self.namespaces: dict[str, str] = {}
        self.failed_namespaces = list(self.connection_namespaces)
        if self._connect_event is not None:
            self._connect_event.set()

    def drop(self) -> None:
        """End it without waiting for threads that may hang in a dead socket."""
        parting = self.eio.state == "disconnecting"
        try:
            self.eio.disconnect(abort=True)
        except (OSError, AttributeError) as exc:
            logger.debug("closing a broken connection: %s", exc, extra={"action": "drop"})
        self.eio.queue.put(None)  # disconnecting emptied the queue: the writer would wait in it for half a minute
        if self.eio.ws is not None and not parting:  # else the thread that says goodbye closes it
            self.eio.ws.hang_up()  # after a time-out the library leaves it open
        self._over()

    def send(self, event: str, data: Mapping[str, Any], namespace: str, answered: Callable[..., None]) -> None:
        """Emit `event`; `answered` gets the acknowledgement, if the connection lives that long."""
        try:
            self.emit(event, dict(data), namespace=namespace, callback=answered)
        except socketio.exceptions.SocketIOError as exc:
            logger.debug("%s not sent: %s", event, exc, extra={"action": "send"})

    def ask(self, event: str, data: Mapping[str, Any], namespace: str, timeout: float) -> Any:
        """Emit `event` and return the acknowledgement; None when the connection is lost first.

        `queue.Empty` when there is none within `timeout` seconds.
        """
        box: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._asking.add(box)
        try:
            if self.lost.is_set():
                return None
            self.send(event, data, namespace, lambda *answer: box.put(answer))
            return box.get(timeout=timeout)
        finally:
            self._asking.discard(box)


class Listener(Protocol):
    """What a link tells its owner."""

    def link_up(self, connection: Connection) -> None:
        """A connection stands. Called on the link's own thread: it must not wait for the server."""

    def link_stuck(self) -> bool:
        """Whether the server owes an answer for so long that another connection should be tried."""

    def link_down(self, reason: str, next_try: float) -> None:
        """The connection is lost, or a try has failed; the next one follows in `next_try` seconds."""

    def link_event(self, connection: Connection, event: str, data: Any) -> None:
        """The server has sent `event`. Called in the order of sending, on one thread per connection."""


class Link:
    """Keeps one namespace connected, from `open` to `close`, for as long as it takes."""

    def __init__(self, url: str, namespace: str, token: str | None, listener: Listener) -> None:
        self.url, self.namespace, self.token = url, namespace, token
        self.connection = Connection()
        self._listener = listener
        self._up = threading.Event()
        self._closing = threading.Event()
        self._reason = "no answer"
        self._refusal = ""
        self._thread: threading.Thread | None = None

    @property
    def opened(self) -> bool:
        return self._thread is not None and not self._closing.is_set()

    def open(self, timeout: float | None) -> None:
        """Connect, and stay connected. `ConnectionLost` when that has not happened in `timeout` seconds."""
        if not self.url.startswith(("http://", "https://")):
            raise ConnectionLost(no_address(self.url))
        if not self.opened:
            self._closing.clear()
            self._thread = threading.Thread(target=self._run, name="runcast-link", daemon=True)
            self._thread.start()
        if not self._up.wait(timeout):
            self.close()
            raise ConnectionLost(unreachable(self.url, self._reason))

    def close(self, timeout: float = 5.0) -> None:
        """Say goodbye and end the threads. From any thread, as often as one likes."""
        self._closing.set()
        if self._up.is_set():
            threading.Thread(target=self.connection.disconnect, name="runcast-goodbye", daemon=True).start()
            self.connection.lost.wait(timeout)
        self.connection.drop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        self._thread = None

    def ask(self, event: str, data: Mapping[str, Any], timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """Emit `event` when connected and return the server's acknowledgement.

        `APIError` when the server says no. `ConnectionLost` when it has not answered before the
        connection was lost or `timeout` seconds had passed: it may or may not have heard.
        """
        deadline = time.monotonic() + timeout
        if not self._up.wait(timeout):
            raise ConnectionLost(unreachable(self.url, self._reason))
        connection = self.connection
        try:
            answer = connection.ask(event, data, self.namespace, max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self._reason = f"no answer to {event!r}"
            connection.drop()
            raise ConnectionLost(f"{self.url} did not answer {event!r} within {timeout:g} s") from None
        if answer is None:
            raise ConnectionLost(f"the connection to {self.url} was lost before it answered {event!r}")
        return accepted(answer[0] if answer else None)

    def _run(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            steady = self._connect() and self._live()
            attempt = 0 if steady else attempt + 1
            self._pause(backoff(max(0, attempt - 1), random.random()))

    def _live(self) -> bool:
        """Stay until the connection is lost; whether it had lasted."""
        since = time.monotonic()
        self._up.set()
        self._listener.link_up(self.connection)
        while self._stands():
            continue
        self._up.clear()
        self.connection.drop()
        return time.monotonic() - since > STEADY_SECONDS

    def _stands(self) -> bool:
        """Whether the connection is still worth keeping after `WATCH_SECONDS`; no as soon as it is lost."""
        looked_at = time.time()
        if self.connection.lost.wait(WATCH_SECONDS):
            return False
        asleep = time.time() - looked_at - WATCH_SECONDS > ASLEEP_SECONDS
        if self._listener.link_stuck() or (asleep and not self._answers()):
            self._reason = "the server did not answer"
            return False
        return True

    def _answers(self) -> bool:
        """Whether the connection has survived a suspension: the network in between may have forgotten it.

        The missed pings would tell too, but only after another three quarters of a minute.
        """
        try:
            return self.connection.ask("unsubscribe", {"task_id": NO_TASK}, self.namespace, PROBE_SECONDS) is not None
        except queue.Empty:
            return False

    def _pause(self, seconds: float) -> None:
        if not self._closing.is_set():
            self._listener.link_down(self._reason, seconds)
            self._closing.wait(seconds)

    def _connect(self) -> bool:
        connection = self.connection = self._fresh()
        self._refusal = ""
        try:
            connection.connect(
                self.url,
                namespaces=[self.namespace],
                auth={"token": self.token} if self.token else None,
                wait_timeout=HANDSHAKE_SECONDS,
            )
        # The library lets IndexError, KeyError and others through when the server dies in mid-handshake.
        # Whichever it is, this try has failed and the next one starts from scratch.
        except Exception as exc:  # noqa: BLE001 - see above
            self._reason = self._refusal or reason_of(exc)
            connection.drop()
            return False
        self._reason = "the connection was lost"
        if connection.lost.is_set() or self._closing.is_set():
            connection.drop()
            return False
        return True

    def _fresh(self) -> Connection:
        connection = Connection()
        connection.on(
            "*",
            lambda event, data=None: self._listener.link_event(connection, event, data),
            namespace=self.namespace,
        )
        connection.on("connect_error", self._refused, namespace=self.namespace)
        return connection

    def _refused(self, problem: Any = None) -> None:
        """The server, not the network, said no: its words are the reason to show."""
        if isinstance(problem, dict):
            said = problem.get("message") or problem.get("detail") or problem.get("error")
            self._refusal = f"refused: {reason_of(said)}"
