"""eventlet's WSGI server."""

from __future__ import annotations

import socket
from typing import Any

import eventlet
import eventlet.wsgi

MAX_CONNECTIONS = 20_000
"""eventlet's own default is 1,024: the next client hangs without an error."""


class EventletServer:
    def __init__(self, app: Any, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._app = app
        self._listener = eventlet.listen((host, port), family=family, backlog=1024)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms stalls without it
        self.port = int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread = eventlet.spawn(
            eventlet.wsgi.server,
            self._listener,
            self._app,
            log_output=False,
            debug=False,  # else a malformed frame is answered with a Python traceback
            max_size=MAX_CONNECTIONS,
        )

    def stop(self) -> None:
        """Accept no more."""
        self._thread.kill()
        self._listener.close()
