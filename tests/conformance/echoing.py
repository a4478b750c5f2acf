"""What the tests of Engine.IO share: an app that sends every message back."""

from __future__ import annotations

import websocket
from websocket import ABNF

from tests.support.fanout_servers import FanoutServer
from tests.support.peers import TIMEOUT, WebSocket, address

PATH = "/engine.io/"
MOST = 64 * 1024
"""Bytes of one incoming message."""
MOST_POSTED = 1_000_000
"""Bytes of one POST."""


def assert_alive(server: FanoutServer) -> None:
    """It serves the next one."""
    with WebSocket(server.port) as peer:
        peer.send("4alive")
        assert "4alive" == peer.next()


def is_refused(server: FanoutServer, query: str) -> bool:
    """Whether a WebSocket with this query is not accepted, or is closed without having been told anything."""
    try:
        wire = websocket.create_connection(address(server.port, PATH, query, "ws"), timeout=TIMEOUT)
    except websocket.WebSocketBadStatusException as error:
        return error.status_code == 400
    try:
        opcode, _ = wire.recv_data_frame(control_frame=True)
        return bool(opcode == ABNF.OPCODE_CLOSE)
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return True
    finally:
        wire.shutdown()
