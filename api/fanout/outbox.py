"""What waits for one connection: bounded in bytes, pings first, written at once where the socket takes it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from engineio.packet import NOOP, PING

from api.fanout.batch import Batch, frame_of, size_of

HIGH = 64 * 1024
"""Bytes from which on a connection is `full`: nothing more should be put."""
LOW = 16 * 1024
"""Bytes at which it no longer is."""
MOST = 4 * 1024 * 1024
"""Bytes at which the connection is given up, if more is put all the same."""
BATCH = 16 * 1024
"""Bytes that the writer gets at a time: a ping waits for these and for what the kernel holds."""
POLLED = 16
"""Packets in one answer to a polling client: engineio's own Python client refuses more."""
GOODBYE_SECONDS = 2.0
"""How long a close waits for what is queued before it."""
_TOKEN = object()

WriteNow = Callable[[bytes], int]


class Owner(Protocol):
    """Who hears of an outbox. Called in the middle of a put or a get: it must neither block nor switch."""

    def filled(self, outbox: Outbox) -> None:
        """It is full: put no more until `drained`."""

    def drained(self, outbox: Outbox) -> None: ...

    def overflowed(self, outbox: Outbox) -> None:
        """More than `MOST` was put: it takes nothing any more, the connection is to be closed."""

    def waits(self, outbox: Outbox) -> None:
        """Something may have to wait, in the queue or in the kernel: its reader is to be watched."""


class Outbox:
    """Takes the place of an Engine.IO socket's queue: `put`, `get`, `task_done` and `join` are what that asks for.

    Its consumer is engineio's own: the WebSocket's writer thread or a poll. With `write_now`, packets for an
    idle socket do not wait for that thread; order is kept, as nothing passes what is queued but pings.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        bell: Any,
        empty: type[Exception],
        lock: AbstractContextManager[Any],
        sleep: Callable[[float], None],
    ) -> None:
        """`bell`: a queue of the async mode, used to wake the consumer; `empty`: what it raises."""
        self.socket: Any = None
        """The Engine.IO socket, once it is known."""
        self.channel: Any = None
        """The WebSocket below it, once there is one: `abort()` and `unsent()`."""
        self.write_now: WriteNow | None = None
        self.full = False
        self.moved_at = time.monotonic()
        """When something last went out, or began to be watched."""
        self._owner = owner
        self._bell = bell
        self._empty = empty
        self._lock = lock
        self._sleep = sleep
        self._items: deque[Any] = deque()
        self._head = b""
        self._waiting = 0
        self._flight = 0
        self._rung = False
        self._over = False

    @property
    def backlog(self) -> int:
        """Bytes that have been put and are not known to be written."""
        return self._waiting + self._flight

    @property
    def idle(self) -> bool:
        return not (self._items or self._head or self._flight)

    @property
    def upgraded(self) -> bool:
        return self.socket is not None and bool(self.socket.upgraded)

    # -- the side that sends

    def put(self, packet: Any) -> None:
        """Queue a packet, or write it now; None ends the connection after what is queued."""
        with self._lock:
            if packet is None:
                self._over = True
                self._ring()
            elif packet.packet_type == PING:
                self._put_first(packet)
            else:
                self._put((packet,), None)

    def put_all(self, packets: Sequence[Any], joined: bytes | None = None) -> None:
        """Queue packets that belong together; `joined` are their frames in one piece, if known."""
        with self._lock:
            self._put(packets, joined)

    def _put(self, packets: Sequence[Any], joined: bytes | None) -> None:
        if self._over or not packets or self._written(packets, joined):
            return
        self._items.extend(packets)
        self._waiting += sum(map(size_of, packets))
        self._grown()

    def _written(self, packets: Sequence[Any], joined: bytes | None) -> bool:
        """Write to an idle WebSocket; what it does not take becomes the head of the queue."""
        if self.write_now is None or self._items or self._head or self._flight or not self.socket.upgraded:
            return False
        data = joined if joined is not None else b"".join(map(frame_of, packets))
        sent = self.write_now(data)
        if sent < len(data):
            self._head = data[sent:]
            self._waiting += len(self._head)
            self._grown()
        return True

    def _put_first(self, packet: Any) -> None:
        """A ping passes what waits, else a reader that is slow looks like one that is dead.

        It cannot pass what the kernel holds: so it is looked whether that moves.
        """
        self._owner.waits(self)
        if self._over or self._written((packet,), None):
            return
        self._items.appendleft(packet)
        self._waiting += size_of(packet)
        self._grown()

    def _grown(self) -> None:
        self._ring()
        self._owner.waits(self)
        if self.backlog > MOST:
            self.discard()
            self._owner.overflowed(self)
        elif self.backlog >= HIGH and not self.full:
            self.full = True
            self._owner.filled(self)

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._bell.put(_TOKEN)

    def discard(self) -> None:
        """Drop what waits; the connection is over."""
        with self._lock:
            self._over = True
            self._items.clear()
            self._head = b""
            self._waiting = 0
            self._ring()

    # -- the side that takes

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """What goes out next, as one packet; None when the connection is over. Raises the queue's own `Empty`.

        Taking the next is the word that the last one has been written. A WebSocket's writer waits for ever:
        pings that are written directly would let it time out.
        """
        if not block:
            raise self._empty
        while True:
            with self._lock:
                if self._flight:
                    self._landed()
                if self._items or self._head:
                    return self._next()
                if self._over:
                    return None
                if self._rung:  # its token is in the bell, or another consumer has just taken it
                    self._rung = False
            self._bell.get(timeout=None if self.upgraded else timeout)

    def _next(self) -> Batch:
        most_packets, most_bytes = (len(self._items), BATCH) if self.upgraded else (POLLED, MOST)
        head, self._head = self._head, b""
        taken: list[Any] = []
        size = len(head)
        while self._items and len(taken) < most_packets and size < most_bytes:
            packet = self._items.popleft()
            size += size_of(packet)
            taken.append(packet)
            if packet.packet_type == NOOP and not self.upgraded:  # it ends the poll, for the upgrade
                break
        self._waiting = max(0, self._waiting - size) if self._items else 0
        self._flight = size
        return Batch(taken, head)

    def _landed(self) -> None:
        self._flight = 0
        self.moved_at = time.monotonic()
        if self.full and self.backlog <= LOW:
            self.full = False
            self._owner.drained(self)

    def task_done(self) -> None:
        """Part of the queue's protocol; the next `get` says it."""

    def join(self) -> None:
        """Wait for what is queued to be written, but not for a reader that takes nothing."""
        deadline = time.monotonic() + GOODBYE_SECONDS
        while not self.idle and time.monotonic() < deadline:
            self._sleep(0.01)
