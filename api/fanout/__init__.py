"""A drop-in for `flask_socketio.SocketIO` whose connections have bounded queues and are written to directly.

    from api.fanout import SocketIO

It knows nothing of tasks. What waits for a connection is bounded in bytes; a callback hears when a reader
falls behind and when it has caught up; pings pass the data that waits; a reader that takes nothing is let go.

    socketio            the class: encode once, write the same bytes to everybody in a room
    outbox              what waits for one connection, in place of its queue
    batch frames        packets together in one write; a packet as a WebSocket frame
    patience clock      readers that are blocked: their pings wait, after a minute they are closed; a clock that is set
    eventlet_websocket simple_websocket     where an outbox meets the WebSocket of an async mode

It builds on private parts of python-engineio and eventlet; `tests/unit/fanout/test_libraries.py` says which.
"""

from __future__ import annotations

from api.fanout.outbox import Outbox
from api.fanout.socketio import SocketIO

__all__ = ["Outbox", "SocketIO"]
