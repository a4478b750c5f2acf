"""Where an outbox meets simple-websocket, which serves the modes gevent and threading."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from api.fanout.batch import Frames
from api.fanout.kernel import cut_off, prepare, unsent


def with_outbox(websocket_class: Any) -> Any:
    """The mode's own class, adapted: for `engineio.Server._async["websocket"]`."""

    class OutboxWebSocket(websocket_class):  # type: ignore[misc]  # which class, is the mode's
        def __init__(self, handler: Any, server: Any) -> None:
            self._outbox = handler.__self__.queue
            super().__init__(self._run, server)
            self._handler = handler

        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
            response: Iterable[bytes] = super().__call__(environ, start_response)
            return response

        def _run(self, _websocket: Any) -> Any:
            self._raw = self.ws.sock
            self.ws.sock = _WholeWrites(self._raw)
            prepare(self._raw)
            self._outbox.channel = self
            return self._handler(self)

        def send(self, message: Any) -> None:
            if isinstance(message, Frames):
                self.ws.sock.send(message)
            else:
                super().send(message)

        def abort(self) -> None:
            """End it now, whoever is waiting in it."""
            cut_off(self._raw)

        def unsent(self) -> int:
            """Bytes that the kernel has taken and the other side has not."""
            return unsent(self._raw)

    return OutboxWebSocket


class _WholeWrites:
    """A socket whose `send` sends all, one caller at a time.

    simple-websocket ignores how much `send` took, which under gevent may be less than it was given, and
    its reading thread answers pings while another one writes.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._lock = threading.Lock()  # green where the process is patched

    def send(self, data: bytes) -> None:
        with self._lock:
            self._raw.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
