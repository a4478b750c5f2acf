"""Where an outbox meets eventlet's WebSocket: written to directly while its socket takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engineio.async_drivers.eventlet import WebSocketWSGI

from api.fanout.batch import Frames
from api.fanout.kernel import cut_off, prepare, unsent


class EventletWebSocket(WebSocketWSGI):  # type: ignore[misc]  # the library has no types
    """In place of engineio's own class of this name."""

    def __init__(self, handler: Any, server: Any) -> None:
        outbox = handler.__self__.queue
        super().__init__(lambda websocket: handler(_Channel(websocket, outbox)), server)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)  # deflate costs 200 KB and 40 µs a message
        response: Iterable[bytes] = super().__call__(environ, start_response)
        return response


class _Channel:
    """What engineio's handler sees of the WebSocket.

    It has no attribute `socket`, on which engineio would set a time-out that a blocked write runs into
    while its reader drains: `Patience` decides instead.
    """

    def __init__(self, websocket: Any, outbox: Any) -> None:
        self._websocket = websocket
        self._sending = websocket._sendlock
        self._raw = websocket.socket.fd
        websocket.socket.settimeout(None)
        prepare(self._raw)
        outbox.channel = self
        outbox.write_now = self.write_now

    def write_now(self, data: bytes) -> int:
        """Bytes that the socket took, without waiting. A broken one takes none: its writer finds out."""
        if self._sending.counter < 1:  # somebody is in the middle of a frame
            return 0
        try:
            sent: int = self._raw.send(data)
        except OSError:
            return 0
        return sent

    def send(self, message: Any) -> None:
        if isinstance(message, Frames):
            self._websocket._send(message)
        else:
            self._websocket.send(message)

    def wait(self) -> Any:
        return self._websocket.wait()

    def close(self) -> None:
        """Say goodbye and wake the thread that reads: its end closes the socket.

        Closing it here would take the descriptor out of the hub's hands, and that thread would wait for ever.
        """
        self._websocket._send_closing_frame(ignore_send_errors=True)
        cut_off(self._raw)

    def abort(self) -> None:
        """End it now, whoever is waiting in it."""
        cut_off(self._raw)

    def unsent(self) -> int:
        """Bytes that the kernel has taken and the other side has not."""
        return unsent(self._raw)
