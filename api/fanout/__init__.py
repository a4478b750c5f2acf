"""A drop-in for `flask_socketio.SocketIO` whose connections have bounded queues and are written to directly.

    from api.fanout import SocketIO

It knows nothing of tasks. What waits for a connection is bounded in bytes; a callback hears when a reader
falls behind and when it has caught up; pings pass the data that waits; a reader that takes nothing is let go.

    socketio            the class, fitted together for the async mode
    rooms               who is where: encode once, write the same bytes to everybody, once for a turn of the hub
    server              python-socketio's server, strict about what clients send
    engine session      engineio's server, and what stands for a connection in it
    clockwork           pings and other deadlines of all connections, in one background task
    outbox batch        what waits for one connection; packets that leave together
    patience kernel     readers that are blocked: their pings wait, after a minute they are closed
    hub_websocket       a WebSocket driven by eventlet's hub, without a thread
    hub_socket          its connection, out of the HTTP server's hands, with TLS or without
    websocket           one that blocks: gevent, threads
    handshake frames    RFC 6455

An instance of a library's class becomes one of ours once it is made (`fit`): nobody's module is patched. What it
builds on in there is private; `tests/unit/fanout/test_libraries.py` says what.
"""

from __future__ import annotations

from api.fanout.outbox import Outbox
from api.fanout.socketio import SocketIO

__all__ = ["Outbox", "SocketIO"]
