"""What waits for one connection: bounded in bytes, pings first, written at once where the socket takes it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from engineio.packet import CLOSE, NOOP, PING

from api.fanout.batch import Batch, Framed, frame_of, size_of

HIGH = 64 * 1024
"""Bytes from which on a connection is `full`: nothing more should be put."""
LOW = 16 * 1024
"""Bytes at which it no longer is."""
MOST = 4 * 1024 * 1024
"""Bytes at which the connection is given up, if more is put all the same."""
BATCH = 16 * 1024
"""Bytes that are taken at a time: a ping waits for these and for what the kernel holds."""
POLLED = 16
"""Packets in one answer to a polling client: engineio's own Python client refuses more."""
GOODBYE_SECONDS = 2.0
"""How long a close waits for what is queued before it."""
_TOKEN = object()


class Owner(Protocol):
    """Who hears of an outbox. Called in the middle of a put or a get: it must neither block nor switch."""

    def flush(self) -> None:
        """Something is about to be put for one connection: what was emitted before must be put first."""

    def filled(self, outbox: Outbox) -> None:
        """It is full: put no more until `drained`."""

    def drained(self, outbox: Outbox) -> None: ...

    def overflowed(self, outbox: Outbox) -> None:
        """More than `MOST` was put: it takes nothing any more, the connection is to be closed."""

    def waits(self, outbox: Outbox) -> None:
        """Something may have to wait, in the queue or in the kernel: its reader is to be watched."""


class Channel(Protocol):
    """The WebSocket below."""

    def unsent(self) -> int:
        """Bytes that the kernel has taken and the other side has not."""

    def abort(self) -> None:
        """End it now, whoever is waiting in it."""


class DirectChannel(Channel, Protocol):
    """One that needs no thread to write to it."""

    @property
    def send(self) -> Callable[[bytes], int]:
        """The socket's own: bytes taken, or an `OSError`, also where it only is full."""

    def write_now(self, data: bytes) -> int:
        """Bytes that the socket took, without waiting. A broken one takes none."""

    def wake(self) -> None:
        """Call `pump` once the socket takes something. Does not switch."""


class Kit(Protocol):
    """What differs from one async mode to another."""

    empty: type[Exception]
    """What a queue raises that has nothing."""

    def bell(self) -> Any:
        """A queue that wakes a consumer."""

    def lock(self) -> AbstractContextManager[Any]: ...
    def sleep(self, seconds: float) -> None: ...


class Outbox:
    """What an Engine.IO session sends goes through here.

    A poll, and the writing thread of a WebSocket that blocks, take by `get`. A `DirectChannel` is written to
    as soon as its socket takes something. Order is kept: nothing passes what is queued but pings.
    """

    __slots__ = (
        "__weakref__",
        "_bell",
        "_direct",
        "_flight",
        "_head",
        "_items",
        "_kit",
        "_lock",
        "_over",
        "_owner",
        "_rung",
        "_waiting",
        "channel",
        "framed",
        "full",
        "moved_at",
        "send",
        "session",
    )

    def __init__(self, owner: Owner, session: Any, kit: Kit) -> None:
        """`session`: the Engine.IO session; asked for `upgraded`."""
        self.session = session
        self.channel: Any = None
        """The WebSocket, once there is one that is written to."""
        self.framed: Framed = frame_of
        """What makes a packet a frame for this WebSocket."""
        self.send: Callable[[bytes], int] | None = None
        """Writes to the socket of a direct channel on which nothing waits; for members of a room, the shortest way."""
        self.full = False
        self.moved_at = 0.0
        """When something last went out, or began to be watched (`time.monotonic`)."""
        self._owner = owner
        self._kit = kit
        self._lock = kit.lock()
        self._bell: Any = None
        self._direct: Any = None
        """A `DirectChannel`, once there is one."""
        self._items: Any = ()
        """A deque while something waits: most connections never need one."""
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
    def over(self) -> bool:
        """The connection ends once it is idle."""
        return self._over

    def attach(self, channel: Channel) -> None:
        """From here on a WebSocket takes it all, by `get` on a thread of its own."""
        self.channel = channel

    def attach_direct(self, channel: DirectChannel) -> None:
        """From here on it is written to the WebSocket as soon as that takes it."""
        self.channel = self._direct = channel
        self._landed()  # the last poll: its client has moved on
        self.pump()
        if self._over or not self.idle:
            channel.wake()

    # -- the side that sends

    def put(self, packet: Any) -> None:
        """Queue a packet, or write it now; None ends the connection after what is queued."""
        self._owner.flush()
        with self._lock:
            if packet is None:
                self._over = True
                self.send = None
                self._ring()
            elif packet.packet_type == PING:
                self._put_first(packet)
            else:
                self._put((packet,))

    def put_all(self, packets: Sequence[Any]) -> None:
        """Queue packets that belong together."""
        with self._lock:
            self._put(packets)

    def _put(self, packets: Sequence[Any]) -> None:
        if self._over or not packets or self._written(packets):
            return
        if not self._items:
            self._items = deque()
        self._items.extend(packets)
        self._waiting += sum(map(size_of, packets))
        self._grown()

    def _written(self, packets: Sequence[Any]) -> bool:
        """Write to an idle WebSocket; what it does not take becomes the head of the queue."""
        if self._direct is None or self._items or self._head:
            return False
        data = b"".join(map(self.framed, packets))
        sent = self._direct.write_now(data)
        if sent < len(data):
            self.put_rest(data, sent)
        return True

    def put_rest(self, data: bytes, sent: int) -> None:
        """What `send` was given and did not take: it goes before everything else."""
        self._head = data[sent:]
        self._waiting += len(self._head)
        self._grown()

    def _put_first(self, packet: Any) -> None:
        """A ping passes what waits, else a reader that is slow looks like one that is dead.

        It cannot pass what the kernel holds: so it is looked whether that moves.
        """
        self._owner.waits(self)
        if self._over or self._written((packet,)):
            return
        if not self._items:
            self._items = deque()
        self._items.appendleft(packet)
        self._waiting += size_of(packet)
        self._grown()

    def _grown(self) -> None:
        self.send = None
        self._ring()
        self._owner.waits(self)
        if self.backlog > MOST:
            self.discard()
            self._owner.overflowed(self)
        elif self.backlog >= HIGH and not self.full:
            self.full = True
            self._owner.filled(self)

    def _ring(self) -> None:
        if self._direct is not None:
            self._direct.wake()
        elif not self._rung:
            self._rung = True
            if self._bell is not None:  # else nobody waits yet
                self._bell.put(_TOKEN)

    def discard(self) -> None:
        """Drop what waits; the connection is over."""
        with self._lock:
            self._over = True
            self.send = None
            self._items = ()
            self._head = b""
            self._waiting = 0
            self._ring()

    # -- the side that takes

    def get(self, timeout: float | None = None) -> Batch | None:
        """What goes out next; None when the connection is over.

        Taking the next is the word that the last one has been written. Raises the kit's `empty` after `timeout`
        seconds without anything.
        """
        while True:
            with self._lock:
                if self._flight:
                    self._landed()
                if self._items or self._head:
                    return self._next()
                if self._over:
                    return None
                self._rung = False  # its token is in the bell, or another consumer has just taken it
                if self._bell is None:
                    self._bell = self._kit.bell()
            self._bell.get(timeout=timeout)

    def pump(self) -> None:
        """Write what waits for as long as the direct channel's socket takes it."""
        while self._items or self._head:
            data = self._next().frames(self.framed)
            self._flight = 0
            sent = self._direct.write_now(data)
            if sent < len(data):
                self._head = data[sent:]
                self._waiting += len(self._head)
            if sent:
                self._landed()
            if self._head:
                return
        if not self._over:
            self.send = self._direct.send

    def _next(self) -> Batch:
        upgraded = self.session.upgraded
        most_packets, most_bytes = (len(self._items), BATCH) if upgraded else (POLLED, HIGH)
        head, self._head = self._head, b""
        taken: list[Any] = []
        size = len(head)
        while self._items and len(taken) < most_packets and size < most_bytes:
            if not upgraded and taken and self._items[0].packet_type == CLOSE:
                break  # the official client drops what comes in one payload with it
            packet = self._items.popleft()
            size += size_of(packet)
            taken.append(packet)
            if packet.packet_type == NOOP and not upgraded:  # it ends the poll, for the upgrade
                break
        if not self._items:
            self._items = ()
        self._waiting = max(0, self._waiting - size) if self._items else 0
        self._flight = size
        return Batch(taken, head)

    def _landed(self) -> None:
        self._flight = 0
        self.moved_at = time.monotonic()
        if self.full and self.backlog <= LOW:
            self.full = False
            self._owner.drained(self)

    def join(self) -> None:
        """Wait for what is queued to be written, but not for a reader that takes nothing."""
        deadline = time.monotonic() + GOODBYE_SECONDS
        while not self.idle and time.monotonic() < deadline:
            self._kit.sleep(0.01)
