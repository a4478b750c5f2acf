"""Goodbye: what a process that is about to stop does with those who are connected, and with those who come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from api import metrics
from api.log import get_logger

_log = get_logger(__name__)
BREATH = 100
"""Connections that are closed in one go, before others have their turn."""
_DETAIL = "the server is stopping; try again in a moment"
_PROBLEM = {
    "type": "urn:runcast:problem:unavailable",
    "title": "Service Unavailable",
    "status": 503,
    "detail": _DETAIL,
    "error": _DETAIL,
}


class Door:
    """WSGI middleware: once `shut`, nobody opens a new socket that would be cut at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.shut = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self.shut and _opens_a_session(environ):
            body = json.dumps(_PROBLEM).encode()
            headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
            start_response("503 Service Unavailable", [*headers, ("Retry-After", "1")])
            return [body]
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer


def dismiss(eio: Any, breathe: Callable[[], None]) -> None:
    """Close every connection of an `engineio.Server` as a network would that fails.

    Stock clients see a lost transport and come again. Not by a packet of Engine.IO or Socket.IO that says so:
    after one of those they stay away.
    """
    for number, connection in enumerate(list(eio.sockets.values()), 1):
        try:
            connection.close(wait=False, abort=True, reason=eio.reason.SERVER_DISCONNECT)
        except Exception:  # noqa: BLE001  one that cannot be closed must not keep the others; counted and logged
            metrics.failure("goodbye")
            _log.exception("connection_not_closed")
        if number % BREATH == 0:
            breathe()


def _opens_a_session(environ: dict[str, Any]) -> bool:
    path = environ["PATH_INFO"]
    return path.startswith("/ws/") or (path.startswith("/socket.io/") and "sid=" not in environ.get("QUERY_STRING", ""))
