"""gevent's WSGI server; WebSocket by simple-websocket."""

from __future__ import annotations

import errno
import socket
from typing import Any

from gevent.pywsgi import WSGIHandler, WSGIServer

from api.serving.connections import Connections, limit_stalls


class _Handler(WSGIHandler):  # type: ignore[misc]  # gevent has no types
    ignored_socket_errors = (*WSGIHandler.ignored_socket_errors, errno.ETIMEDOUT)  # see `limit_stalls`

    def handle(self) -> None:
        with self.server.connections.holding(self.socket):
            super().handle()


class GeventServer:
    def __init__(self, app: Any, host: str, port: int, stall_seconds: float) -> None:
        self._server = WSGIServer((host, port), app, log=None, handler_class=_Handler)
        self._server.connections = self.connections = Connections()
        self._server.init_socket()
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms stalls without it
        limit_stalls(self._server.socket, stall_seconds)
        self.port = int(self._server.server_port)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Accept no more."""
        self._server.close()
