"""Malformed WebSocket frames: the connection ends, nobody is shown a traceback, the server goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.support.servers import ServerProcess, gunicorn

WAYS = {
    "own-eventlet": {},
    "own-gevent": {"env": {"RUNCAST_ASYNC_MODE": "gevent"}},
    "own-threading": {"env": {"RUNCAST_ASYNC_MODE": "threading"}},
    "gunicorn-eventlet": {"command": gunicorn},
}


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("data"), **WAYS[request.param]) as running:
        yield running


UPGRADE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MALFORMED = {
    "unmasked": b"\x81\x02hi",
    "not-utf-8": b"\x81\x82\x00\x00\x00\x00\xff\xfe",
    "reserved-opcode": b"\x83\x80\x00\x00\x00\x00",
    "reserved-bits": b"\xf1\x80\x00\x00\x00\x00",
    "endless": b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00" + b"x" * 1000,
    "no-packet": b"\x81\x83\x00\x00\x00\x00zzz",
    "bad-close": b"\x88\x81\x00\x00\x00\x00x",
    "http": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_frame_gets_no_traceback(server: ServerProcess, frame: bytes) -> None:
    """The connection is closed, by a close frame or without a word, and the server goes on."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
        wire.sendall(UPGRADE.encode())
        heard = b""
        while b"pingInterval" not in heard:
            heard += wire.recv(4096)
        assert heard.startswith(b"HTTP/1.1 101")
        wire.sendall(frame)
        wire.shutdown(socket.SHUT_WR)
        while part := wire.recv(4096):
            heard += part
    assert b"Traceback" not in heard
    assert requests.get(f"{server.url}/api/health", timeout=10).ok
