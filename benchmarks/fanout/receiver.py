"""Takes what arrives at many connections: one epoll, one buffer."""

from __future__ import annotations

import select
import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic

from benchmarks.fanout.walker import Tally

BUFFER = 256 * 1024
PONG = b"\x81\x81\0\0\0\x003"


class Receiver(ABC):
    """Counts messages and samples how late they came."""

    def __init__(self, subscribers: Sequence[socket.socket], control: int) -> None:
        """Connections that are greeted, and the descriptor of one that only interrupts."""
        self.epoll = select.epoll()
        for number in (*(one.fileno() for one in subscribers), control):
            self.epoll.register(number, select.EPOLLIN)

    def close(self) -> None:
        self.epoll.close()

    @abstractmethod
    def start(self, every: int) -> None:
        """Count from 0; look into one of every so many messages."""

    @property
    @abstractmethod
    def count(self) -> int:
        """Messages since `start`."""

    @property
    @abstractmethod
    def late(self) -> list[float]:
        """Seconds from sent to here, of those that were looked into."""

    @abstractmethod
    def take(self, mark: int, seconds: float) -> None:
        """Until `count` is `mark`, the control connection speaks or the time is over.

        `ConnectionError` when a connection is lost.
        """


class PythonReceiver(Receiver):
    def __init__(self, subscribers: Sequence[socket.socket], control: int) -> None:
        super().__init__(subscribers, control)
        self._sockets = {one.fileno(): one for one in subscribers}
        self._rests: dict[int, bytes] = {}
        self._buffer = bytearray(BUFFER)
        self._tally = Tally()

    def start(self, every: int) -> None:
        self._tally = Tally(every)

    @property
    def count(self) -> int:
        return self._tally.count

    @property
    def late(self) -> list[float]:
        return list(self._tally.late)

    def take(self, mark: int, seconds: float) -> None:
        poll, tally, sockets = self.epoll.poll, self._tally, self._sockets
        end, spoken = monotonic() + seconds, False
        while tally.count < mark and not spoken and (left := end - monotonic()) > 0:
            for number, _events in poll(left):
                if number in sockets:
                    self._read(number)
                else:
                    spoken = True

    def _read(self, number: int) -> None:
        buffer, tally, one = self._buffer, self._tally, self._sockets[number]
        rest = self._rests.pop(number, b"")
        if rest:
            buffer[: len(rest)] = rest
            with memoryview(buffer) as view:
                got = one.recv_into(view[len(rest) :])
        else:
            got = one.recv_into(buffer)
        if not got:
            raise ConnectionError("the server closed a subscriber's connection")
        end = len(rest) + got
        at = tally.walk(buffer, end)
        if at < end:
            self._rests[number] = bytes(buffer[at:end])
        if tally.pings:
            tally.pings = 0
            one.send(PONG)
