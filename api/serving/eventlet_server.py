"""eventlet's WSGI server."""

from __future__ import annotations

import socket
from typing import Any

import eventlet
import eventlet.wsgi

from api.serving.connections import Connections, limit_stalls

MAX_CONNECTIONS = 20_000
"""eventlet's own default is 1,024: the next client hangs without an error."""


class EventletServer:
    def __init__(self, app: Any, host: str, port: int, stall_seconds: float) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._app = _with_chunked_bodies(app)
        self._listener = eventlet.listen((host, port), family=family, backlog=1024)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms stalls without it
        limit_stalls(self._listener, stall_seconds)
        self.connections = Connections()
        self.port = int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread = eventlet.spawn(
            eventlet.wsgi.server,
            self._listener,
            self._app,
            protocol=self._serve,
            log_output=False,
            debug=False,  # else a malformed frame is answered with a Python traceback
            max_size=MAX_CONNECTIONS,
            minimum_chunk_size=1,  # else a stream is kept back until it has 4 KiB
        )

    def stop(self) -> None:
        """Accept no more, and close idle connections."""
        self._thread.kill()
        self._listener.close()

    def _serve(self, connection: Any, server: Any) -> None:
        """`connection` is eventlet's [address, socket, state]."""
        with self.connections.holding(connection[1]):
            eventlet.wsgi.HttpProtocol(connection, server)


def _with_chunked_bodies(app: Any) -> Any:
    """eventlet ends a chunked body by itself but does not say so: Flask would read nothing of it."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return call
