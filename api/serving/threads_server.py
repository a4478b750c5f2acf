"""werkzeug's threaded server, for development and tests; production has gunicorn's gthread worker."""

from __future__ import annotations

import threading
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from api.serving.connections import Connections, limit_stalls


class _QuietHandler(WSGIRequestHandler):
    """HTTP/1.1, so that WebSocket works; requests are not logged one by one."""

    protocol_version = "HTTP/1.1"
    server: Any

    def handle(self) -> None:
        with self.server.connections.holding(self.connection):
            super().handle()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class ThreadsServer:
    def __init__(self, app: Any, host: str, port: int, stall_seconds: float) -> None:
        self._server = make_server(host, port, app, threaded=True, request_handler=_QuietHandler)
        self._server.connections = self.connections = Connections()  # type: ignore[attr-defined]  # for the handler
        limit_stalls(self._server.socket, stall_seconds)
        self.port = int(self._server.server_port)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="runcast-http", daemon=True).start()

    def stop(self) -> None:
        """Accept no more."""
        self._server.shutdown()
        self._server.server_close()
