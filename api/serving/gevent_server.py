"""gevent's WSGI server; WebSocket by simple-websocket."""

from __future__ import annotations

import socket
from typing import Any

from gevent.pywsgi import WSGIServer


class GeventServer:
    def __init__(self, app: Any, host: str, port: int) -> None:
        self._server = WSGIServer((host, port), app, log=None)
        self._server.init_socket()
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # 40 ms stalls without it
        self.port = int(self._server.server_port)

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Accept no more."""
        self._server.close()
