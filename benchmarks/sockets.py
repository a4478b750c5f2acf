"""A light load generator: raw Socket.IO subscribers over WebSocket, many in one thread.

Loopback only. It reads frames and notes when each arrived; it decodes JSON only after the run.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
NAMESPACE = "/tasks"


@dataclass(eq=False)
class Subscriber:
    """One connection; `arrivals` are (monotonic seconds, text of the Socket.IO packet)."""

    sock: socket.socket
    buffer: bytearray = field(default_factory=bytearray)
    arrivals: list[tuple[float, str]] = field(default_factory=list)

    def send(self, text: str) -> None:
        payload = text.encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self.sock.sendall(head + b"\0\0\0\0" + payload)  # a mask of zeros: allowed, and free

    def read(self) -> None:
        """Take what has arrived; answers pings."""
        data = self.sock.recv(262_144)
        now = time.monotonic()
        if not data:
            raise ConnectionError("the server closed a subscriber's connection")
        self.buffer += data
        while (text := self._frame()) is not None:
            if text == "2":
                self.send("3")
            else:
                self.arrivals.append((now, text))

    def _frame(self) -> str | None:
        if len(self.buffer) < 2:
            return None
        size, start = self.buffer[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, start = int.from_bytes(self.buffer[2 : 2 + width], "big"), 2 + width
        if len(self.buffer) < start + size:
            return None
        text = bytes(self.buffer[start : start + size]).decode()
        del self.buffer[: start + size]
        return text


class Crowd:
    """Many subscribers on one selector."""

    def __init__(self, port: int, size: int, namespace: str = NAMESPACE) -> None:
        self.selector = selectors.DefaultSelector()
        self.namespace = namespace
        self.members = [_connect(port) for _ in range(size)]
        for member in self.members:
            member.sock.setblocking(False)
            self.selector.register(member.sock, selectors.EVENT_READ, member)
            member.send(f"40{namespace},")
        self.pump(lambda: all(_heard(member, f"40{namespace}") for member in self.members), 30)

    def emit(self, event: str, data: Any) -> None:
        for member in self.members:
            member.send(f"42{self.namespace},{json.dumps([event, data])}")

    def pump(self, done: Callable[[], bool], timeout: float) -> None:
        """Read until `done()`; `TimeoutError` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError("the server has not sent what was awaited")
            for key, _events in self.selector.select(0.05):
                key.data.read()

    def close(self) -> None:
        for member in self.members:
            member.sock.close()
        self.selector.close()


def envelopes(member: Subscriber, namespace: str = NAMESPACE) -> list[tuple[float, dict[str, Any]]]:
    """(arrival, envelope) of each `task_update` that a subscriber got."""
    prefix = f'42{namespace},["task_update",'
    return [(at, json.loads(text[len(prefix) : -1])) for at, text in member.arrivals if text.startswith(prefix)]


def _heard(member: Subscriber, prefix: str) -> bool:
    return any(text.startswith(prefix) for _at, text in member.arrivals)


def _connect(port: int) -> Subscriber:
    sock = socket.create_connection((HOST, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    response = b""
    while b"\r\n\r\n" not in response:
        response += sock.recv(4096)
    head, _, rest = response.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no WebSocket: {head[:200]!r}")
    return Subscriber(sock, bytearray(rest))
