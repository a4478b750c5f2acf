"""The load generator: raw Socket.IO subscribers over WebSocket, many in one thread on one epoll.

Loopback only. While it measures it does no more than take bytes and note when they came: one `recv_into` a
prepared buffer for all that has arrived at a socket, then the time and how far the buffer is filled. Frames
are taken apart only after the run (`frames.py`).
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

HOST = "127.0.0.1"
NAMESPACE = "/tasks"
ROOM = 1 << 20
"""Bytes prepared for each subscriber; taken from the machine only as they are filled."""
PING, PONG = b"\x81\x012", "3"
LOOK = 0.02
"""Seconds between two looks at whether what is awaited has come: the arrivals are noted at once all the same."""
TAIL = 700
ENDED = re.compile(rb'"status_change".*"completed"')

Step = tuple[bytes, str]
"""What to wait for, and the packet to answer with; an empty one answers nothing."""


class Subscriber:
    """One connection; `times[i]` (monotonic seconds) is when the first `ends[i]` bytes of `data` were there."""

    def __init__(self, port: int, script: Iterable[Step], room: int = ROOM) -> None:
        self.data = bytearray(room)
        self.size = 0
        self.times, self.ends = array("d"), array("q")
        self.lost = False
        self.script = deque(script)
        self._view = memoryview(self.data)
        self._seen = 0
        self.answered = 0.0
        """When it sent the last answer of the script."""
        self.sock = socket.create_connection((HOST, port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(upgrade(port))
        self.sock.setblocking(False)

    def read(self) -> None:
        """Take what has arrived; answers pings and goes on with the script."""
        size = self.size
        try:
            got = self.sock.recv_into(self._view[size:])
        except ConnectionError:
            got = 0
        if not got:
            self.lost = True
            return
        self.times.append(time.monotonic())
        self.size = end = size + got
        self.ends.append(end)
        if self.data.find(PING, max(0, size - 2), end) >= 0:
            self.send(PONG)
        if self.script:
            self._go_on()
        if end == len(self.data):
            self._grow()

    def send(self, packet: str) -> None:
        payload = packet.encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self.sock.sendall(head + b"\0\0\0\0" + payload)  # a mask of zeros: allowed, and free

    @property
    def heard_the_end(self) -> bool:
        """Whether the last thing that came is that the task has completed."""
        return ENDED.search(self.data, max(0, self.size - TAIL), self.size) is not None

    def _go_on(self) -> None:
        while self.script:
            wanted, answer = self.script[0]
            found = self.data.find(wanted, self._seen, self.size)
            if found < 0:
                return
            self._seen = found + len(wanted)
            self.script.popleft()
            if answer:
                self.answered = time.monotonic()
                self.send(answer)

    def _grow(self) -> None:
        old, self._view = self._view, memoryview(b"")
        old.release()
        self.data.extend(bytes(len(self.data)))
        self._view = memoryview(self.data)


class Crowd:
    """Many subscribers on one epoll."""

    def __init__(self) -> None:
        self.members: list[Subscriber] = []
        self.on_lost: Callable[[Subscriber], None] = _fail
        self._epoll = select.epoll()
        self._by_fd: dict[int, Subscriber] = {}

    def join(self, port: int, script: Iterable[Step], size: int = 1, *, room: int = ROOM) -> list[Subscriber]:
        """Connect so many at once; each goes through `script` as the answers come."""
        steps = list(script)
        new = []
        for _ in range(size):
            member = Subscriber(port, steps, room)
            self.take_up(member)
            new.append(member)
        self.members += new
        return new

    def take_up(self, member: Subscriber) -> None:
        """Read this one (again)."""
        self._by_fd[member.sock.fileno()] = member
        self._epoll.register(member.sock.fileno(), select.EPOLLIN)

    def lay_down(self, member: Subscriber) -> None:
        """Stop reading this one; the connection stays."""
        self._epoll.unregister(member.sock.fileno())
        del self._by_fd[member.sock.fileno()]

    def pump(self, done: Callable[[], bool], timeout: float) -> bool:
        """Read until `done()`; False after `timeout` seconds."""
        poll, by_fd, now = self._epoll.poll, self._by_fd, time.monotonic
        deadline, look = now() + timeout, 0.0
        while True:
            ready = poll(LOOK)
            for number, _events in ready:
                member = by_fd[number]
                member.read()
                if member.lost:
                    self._lose(member)
            if now() >= look:
                if done():
                    return True
                if now() > deadline:
                    return False
                look = now() + LOOK

    def close(self) -> None:
        for member in self.members:
            member.sock.close()
        self._epoll.close()

    def _lose(self, member: Subscriber) -> None:
        self.lay_down(member)
        member.sock.close()
        self.on_lost(member)


def subscribing(data: dict[str, Any]) -> list[Step]:
    """The script of a client that connects to the namespace and subscribes."""
    return [
        *entering(),
        (f"40{NAMESPACE}".encode(), f"42{NAMESPACE},{json.dumps(['subscribe', data])}"),
        (b'["subscribed"', ""),
    ]


def entering() -> list[Step]:
    return [(b'0{"sid"', f"40{NAMESPACE},")]


def settled(members: Iterable[Subscriber]) -> bool:
    """Whether all are through with their scripts."""
    return not any(member.script for member in members)


def ended(members: Iterable[Subscriber]) -> bool:
    """Whether the last thing that each one heard is that the task has completed; who was lost is not waited for."""
    return all(member.lost or member.heard_the_end for member in members)


def _fail(member: Subscriber) -> None:
    raise ConnectionError("the server closed a subscriber's connection")


def upgrade(port: int, extensions: str = "") -> bytes:
    """The request for a WebSocket; `extensions` are further lines of its head."""
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
    ).encode()
