"""An outbox with a socket and an owner that are made for tests."""

from __future__ import annotations

import contextlib
import queue
from types import SimpleNamespace

from engineio.packet import MESSAGE, Packet

from api.fanout.outbox import Outbox


class Owner:
    """Remembers what it was told, in order."""

    def __init__(self):
        self.told: list[str] = []
        self.watched = 0

    def filled(self, outbox):
        self.told.append("filled")

    def drained(self, outbox):
        self.told.append("drained")

    def overflowed(self, outbox):
        self.told.append("overflowed")

    def waits(self, outbox):
        self.watched += 1


class Wire:
    """A WebSocket that takes so many bytes at once."""

    def __init__(self, room=10**9):
        self.room = room
        self.data = b""

    def write_now(self, data):
        taken = data[: self.room]
        self.room -= len(taken)
        self.data += taken
        return len(taken)

    def unsent(self):
        return 0

    def abort(self):
        self.data = b"aborted"


def an_outbox(*, upgraded=True, wire=None):
    """(outbox, owner); with a wire it is written to directly."""
    owner = Owner()
    outbox = Outbox(
        owner, bell=queue.Queue(), empty=queue.Empty, lock=contextlib.nullcontext(), sleep=lambda seconds: None
    )
    outbox.socket = SimpleNamespace(upgraded=upgraded, last_ping=None, closed=False, sid="sid")
    if wire is not None:
        outbox.write_now = wire.write_now
        outbox.channel = wire
    return outbox, owner


def message(text):
    return Packet(MESSAGE, text)
