"""Many WebSocket subscribers in one thread, cheap enough to keep up with a server that is as fast as it can be."""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any

_UPDATE = '42/tasks,["task_update",'


class Member:
    """One connection. `heard(name, seq or data)` is called for each event of the server."""

    def __init__(self, port: int, heard: Callable[[Member, str, Any], None], receive_buffer: int) -> None:
        self._heard = heard
        self._buffer = bytearray()
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.sock.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self.sock.recv(1)
        self._buffer.clear()
        self.send("40/tasks,")

    def emit(self, name: str, data: Any) -> None:
        self.send(f"42/tasks,{json.dumps([name, data])}")

    def send(self, packet: str) -> None:
        payload = packet.encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self.sock.sendall(head + b"\0\0\0\0" + payload)

    def read(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        position = 0
        while True:
            start, end = self._frame(position)
            if end > len(self._buffer) or start > len(self._buffer):
                break
            self._packet(self._buffer[start:end].decode())
            position = end
        del self._buffer[:position]

    def _frame(self, position: int) -> tuple[int, int]:
        """Where the payload of the frame at `position` begins and ends; past the buffer when it is not there yet."""
        if len(self._buffer) < position + 10:
            short = len(self._buffer) < position + 2 or self._buffer[position + 1] > 125
            if short:
                return len(self._buffer) + 1, len(self._buffer) + 1
        size, start = self._buffer[position + 1], position + 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(self._buffer[start : start + width], "big"), start + width
        return start, start + size

    def _packet(self, text: str) -> None:
        if text.startswith(_UPDATE):
            at = text.index('"seq":', len(_UPDATE)) + 6
            self._heard(self, "task_update", int(text[at : text.index(",", at)]))
        elif text.startswith("42/tasks,"):
            name, data = json.loads(text[9:])
            self._heard(self, name, data)
        elif text == "2":
            self.send("3")


def run(members: list[Member], done: Callable[[], bool], timeout: float) -> None:
    """Read for all of them until `done()`; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for member in members:
            selector.register(member.sock, selectors.EVENT_READ, member)
        while not done():
            assert time.monotonic() < deadline, f"not done after {timeout} s"
            for key, _ in selector.select(0.1):
                key.data.read()
