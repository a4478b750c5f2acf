"""One life of a Socket.IO connection: python-socketio's client, with what it gets wrong put right.

Its messages keep their order, and its end is noticed at once and waits for nobody.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

import engineio
import socketio
import websocket

logger = logging.getLogger("runcast.client")
_library_logger = logging.getLogger("runcast.client.socketio")
_library_logger.addHandler(logging.NullHandler())
_library_logger.setLevel(logging.ERROR)  # it warns of each lost connection, which is said here already

JSON, MSGPACK = "json", "msgpack"
"""How messages are written; the second needs the package `msgpack`, and goes over WebSocket only."""
HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 0.2


class EndingQueue(queue.Queue[Any]):
    """Nobody waits in it any more once None, the word to end, was put.

    The library's writer overlooks that word behind a packet, as when a ping and the end of the connection
    arrive together, and would wait for half a minute before the loss is noticed.
    """

    ended = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self.ended = self.ended or item is None
        super().put(item, block, timeout)

    def get_nowait(self) -> Any:
        """Nothing after the end: so the library empties it when it resets, and that word must stay."""
        if self.ended:
            raise queue.Empty
        return super().get_nowait()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not (block and self.ended):
            return super().get(block, timeout)
        try:
            return super().get(block=False)
        except queue.Empty:
            with self.mutex:
                self.unfinished_tasks += 1  # the reader of None reports it as done
            return None


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

    def create_queue(self, *args: Any, **kwargs: Any) -> queue.Queue[Any]:
        return EndingQueue(*args, **kwargs)

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

    def __init__(self, serializer: str = JSON) -> None:
        self.lost = threading.Event()
        self._asking: set[queue.SimpleQueue[Any]] = set()
        super().__init__(
            serializer="default" if serializer == JSON else serializer,
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
        self.eio.queue.put(None)  # the library has not said so to its writer in every state
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
