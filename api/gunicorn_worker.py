"""An eventlet worker for gunicorn, which dropped its own in version 26.

`gunicorn.conf.py` makes it known under the name `eventlet`, so that `-k eventlet` works on any version.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import Any

import eventlet
import eventlet.hubs
import eventlet.wsgi
from eventlet.greenio import GreenSocket
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

from api.serving.connections import Connections

LOOK_SECONDS = 0.1
"""How soon a worker that was told to stop accepts no more."""


class EventletWorker(AsyncWorker):  # type: ignore[misc]  # gunicorn has no types
    """One green thread for each connection, `worker_connections` at most."""

    wsgi: Any
    _tls: Any = None
    """What makes a connection a TLS one, with `--certfile`."""

    def init_process(self) -> None:
        eventlet.hubs.use_hub()
        eventlet.monkey_patch()
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = _with_socket(self.wsgi)

    def handle_request(self, *request: Any) -> Any:
        try:
            return super().handle_request(*request)
        except TimeoutError as error:  # see `limit_stalls`; gunicorn would log it as a fault of its own
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error

    def timeout_ctx(self) -> Any:
        return eventlet.Timeout(self.cfg.keepalive or None, False)

    def is_already_handled(self, respiter: Any) -> bool:
        if getattr(eventlet.wsgi.WSGI_LOCAL, "already_handled", None):
            raise StopIteration  # a WebSocket took the connection
        return bool(super().is_already_handled(respiter))

    def handle_quit(self, sig: int, frame: Any) -> None:
        # Not in the hub's own greenlet, which a signal may interrupt.
        eventlet.spawn(super().handle_quit, sig, frame)

    def run(self) -> None:
        pool = eventlet.GreenPool(self.worker_connections)
        listeners = [_green(listener) for listener in self.sockets]
        connections = Connections()
        if self.cfg.is_ssl:
            self._tls = ssl_context(self.cfg)
        acceptors = [eventlet.spawn(self._accept, pool, listener, connections) for listener in listeners]
        while self.alive:
            self.notify()
            eventlet.sleep(LOOK_SECONDS)
        for acceptor in acceptors:
            acceptor.kill()
        for listener in listeners:
            listener.close()
        connections.drain(eventlet.sleep)

    def _accept(self, pool: eventlet.GreenPool, listener: GreenSocket, connections: Connections) -> None:
        def handle(connection: Any, address: Any) -> None:
            if self._tls is not None:
                connection = self._secured(connection, address)
            if connection is not None:
                with connections.holding(connection):
                    self.handle(listener, connection, address)

        while True:
            connection, address = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pool.spawn_n(handle, connection, address)

    def _secured(self, connection: Any, address: Any) -> Any:
        """The connection with TLS on it; None if it does not stand within the time for a request, or not at all."""
        with self.timeout_ctx():
            try:
                return self._tls.wrap_socket(connection, server_side=True)
            except OSError as error:
                self.log.info("No TLS with %s: %s", address, error)
        return None


def _green(listener: Any) -> GreenSocket:
    green = GreenSocket(listener.sock)
    green.setblocking(True)
    return green


def _with_socket(app: Any) -> Any:
    """eventlet's WebSocket asks its own server's environ for the connection: give it gunicorn's."""

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        eventlet.wsgi.WSGI_LOCAL.already_handled = False
        environ["eventlet.input"] = _Connection(environ["gunicorn.socket"])
        response: Iterable[bytes] = app(environ, start_response)
        return response

    return call


class _Connection:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def get_socket(self) -> Any:
        return self._connection
