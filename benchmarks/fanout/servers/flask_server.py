"""`api.fanout.SocketIO`, or Flask-SocketIO's own, in one of its async modes.

python -m benchmarks.fanout.servers.flask_server KIND MODE [--certfile FILE --keyfile FILE] CONTROL_PORT

KIND is `fanout`, `fanout-msgpack`, `fanout-deflate` or `stock`. With a certificate it speaks TLS, on eventlet.
"""

# ruff: noqa: E402  (the patch comes before every other import)
from __future__ import annotations

import sys

from api.runtime.patch import patch

KIND, MODE, *TLS, CONTROL = sys.argv[1:]
patch(MODE)

import socket
from typing import Any

import flask_socketio
from flask import Flask

from benchmarks.fanout.servers.event import NAMESPACE, PINGS, event
from benchmarks.fanout.servers.orders import Orders

if KIND.startswith("fanout"):
    from api.fanout import SocketIO
else:
    SocketIO = flask_socketio.SocketIO

OPTIONS = {"fanout-msgpack": {"serializer": "msgpack"}, "fanout-deflate": {"compression": True}}.get(KIND, {})
app = Flask(__name__)
socketio = SocketIO(app, async_mode=MODE, transports=["websocket"], manage_session=False, **PINGS, **OPTIONS)


@socketio.on("join", namespace=NAMESPACE)
def join(data: dict[str, Any]) -> dict[str, Any]:
    flask_socketio.join_room("all")
    return {}


def turn(events: int) -> None:
    for _ in range(events):
        socketio.emit("task_update", event(), namespace=NAMESPACE, to="all")


def serve(listener: Any) -> None:
    if MODE == "eventlet":
        import eventlet.wsgi

        if TLS:
            listener = eventlet.wrap_ssl(listener, server_side=True, certfile=TLS[1], keyfile=TLS[3])
        # its own limit is 1,024 connections: the next one hangs
        eventlet.wsgi.server(listener, app, log_output=False, debug=False, max_size=20_000)
    elif MODE == "gevent":
        from gevent.pywsgi import WSGIServer

        WSGIServer(listener, app, log=None).serve_forever()
    else:
        from werkzeug.serving import WSGIRequestHandler, make_server

        WSGIRequestHandler.protocol_version = "HTTP/1.1"
        WSGIRequestHandler.log_request = lambda *_: None
        make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno()).serve_forever()


def listening() -> Any:
    if MODE == "eventlet":
        import eventlet

        listener = eventlet.listen(("127.0.0.1", 0), backlog=4096)
    else:
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # not all of these servers set it
    return listener


if __name__ == "__main__":
    listener, orders = listening(), Orders(int(CONTROL))
    socketio.start_background_task(orders.obey, listener.getsockname()[1], turn, socketio.sleep)
    serve(listener)
