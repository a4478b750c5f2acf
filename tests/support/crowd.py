"""Many cheap Socket.IO subscribers over WebSocket on one thread, each of which remembers all that it got.

They are what is left of a client: a socket, a buffer, a cursor. After a loss they connect anew and resume by
`since`; every frame is checked as it comes, so that a hole or a duplicate fails where it happens.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from tests.support.events import NAMESPACE, ends

HOST = "127.0.0.1"
PAUSE = 0.1
"""Seconds before a subscriber that was refused tries again."""
MAX_BYTES = 262_144

Json = dict[str, Any]


class Subscriber:
    """Follows one task. `events` has every envelope in the order of arrival, over all its connections."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.events: list[Json] = []
        self.answers: list[Json] = []
        """What each `subscribe` was answered."""
        self.lost = 0
        """How often its connection was lost."""
        self.sock: socket.socket | None = None
        self.due = 0.0
        self._buffer = bytearray()

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for event in self.events]

    @property
    def last(self) -> Json:
        return self.events[-1] if self.events else {}

    @property
    def ended(self) -> bool:
        return bool(self.last) and ends(self.last)

    def connect(self, port: int) -> None:
        """`OSError` when nobody listens."""
        self.sock, rest = _handshake(port)
        self._buffer = bytearray(rest)
        self._send(f"40{NAMESPACE},")
        self.sock.setblocking(False)

    def read(self) -> None:
        """Take what has arrived; `ConnectionError` at the end of the connection."""
        assert self.sock is not None
        data = self.sock.recv(MAX_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data
        for opcode, payload in self._frames():
            if opcode == 8:
                raise ConnectionError("the server said goodbye")
            self._take(payload.decode())

    def drop(self) -> None:
        """Lose the connection."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
            self.lost += 1

    def _take(self, text: str) -> None:
        if text == "2":
            self._send("3")
        elif text.startswith(f"40{NAMESPACE}"):
            request = {"task_id": self.task_id, "since": self.last.get("seq", 0)}
            self._send(f"42{NAMESPACE},{json.dumps(['subscribe', request])}")
        elif text.startswith(f"42{NAMESPACE},"):
            self._hear(*json.loads(text.partition(",")[2]))

    def _hear(self, name: str, message: Json) -> None:
        if name == "subscribed":
            self.answers.append(message)
        elif name == "task_update":
            self.events.append(message)
        elif name not in ("connected", "unsubscribed"):
            raise AssertionError(f"{name}: {message}")

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        buffer = self._buffer
        while len(buffer) >= 2:
            size, start = buffer[1] & 0x7F, 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, start = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
            if len(buffer) < start + size:
                return
            frame = buffer[0] & 0x0F, bytes(buffer[start : start + size])
            del buffer[: start + size]
            yield frame

    def _send(self, text: str) -> None:
        assert self.sock is not None
        payload = text.encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self.sock.sendall(head + b"\0\0\0\0" + payload)  # a mask of zeros: allowed, and free


class Crowd:
    """Subscribers that come back for as long as their task has not ended."""

    def __init__(self, port: int, task_ids: Sequence[str], each: int) -> None:
        self.members = [Subscriber(task_id) for task_id in task_ids for _ in range(each)]
        self._port = port
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exception: object) -> None:
        for member in self.members:
            self._leave(member)
        self._selector.close()

    def pump(self, done: Callable[[], bool], timeout: float) -> None:
        """Read, and connect who is not connected, until `done()`."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise AssertionError(f"after {timeout} s: {self._state()}")
            self._connect_some()
            for key, _events in self._selector.select(0.02):
                self._read(key.data)

    def all(self, condition: Callable[[Subscriber], object]) -> Callable[[], bool]:
        return lambda: all(map(condition, self.members))

    def _connect_some(self) -> None:
        now = time.monotonic()
        waiting = [member for member in self.members if member.sock is None and not member.ended and member.due <= now]
        for member in waiting[:20]:  # a handshake blocks this thread: in between the others are read
            try:
                member.connect(self._port)
                assert member.sock is not None
                self._selector.register(member.sock, selectors.EVENT_READ, member)
            except OSError:
                member.sock = None
                member.due = now + PAUSE

    def _read(self, member: Subscriber) -> None:
        try:
            member.read()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._leave(member)

    def _leave(self, member: Subscriber) -> None:
        if member.sock is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(member.sock)
            member.drop()

    def _state(self) -> str:
        worst = min(self.members, key=lambda member: len(member.events) if not member.ended else 10**9)
        ended = sum(member.ended for member in self.members)
        return f"{ended} of {len(self.members)} have ended; the last one has {worst.last} of {len(worst.events)} events"


def _handshake(port: int) -> tuple[socket.socket, bytes]:
    """A WebSocket connection, and what came with the answer."""
    sock = socket.create_connection((HOST, port), timeout=10)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        sock.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        response = b""
        while b"\r\n\r\n" not in response:
            if not (data := sock.recv(4096)):
                raise ConnectionError("closed in the handshake")
            response += data
        head, _, rest = response.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(f"no WebSocket: {head[:200]!r}")
    except BaseException:
        sock.close()
        raise
    return sock, rest
