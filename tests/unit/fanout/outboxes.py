"""Outboxes with nothing but what they ask for around them."""

from __future__ import annotations

import contextlib
import queue
from types import SimpleNamespace

from engineio.packet import MESSAGE, Packet

from api.fanout.outbox import Outbox


class Owner:
    def __init__(self):
        self.told = []
        self.watched = 0

    def flush(self):
        pass

    def filled(self, outbox):
        self.told.append("filled")

    def drained(self, outbox):
        self.told.append("drained")

    def overflowed(self, outbox):
        self.told.append("overflowed")

    def waits(self, outbox):
        self.watched += 1


class Kit:
    empty = queue.Empty
    bell = queue.Queue

    def lock(self):
        return contextlib.nullcontext()

    def sleep(self, seconds):
        pass


class Wire:
    """A socket that takes `room` bytes."""

    def __init__(self, room=10**9):
        self.room = room
        self.data = b""
        self.woken = 0

    def send(self, data):
        if self.room <= 0:
            raise BlockingIOError
        return self.write_now(data)

    def write_now(self, data):
        taken = data[: self.room]
        self.room -= len(taken)
        self.data += taken
        return len(taken)

    def wake(self):
        self.woken += 1

    def unsent(self):
        return 0

    def abort(self):
        self.data = b"aborted"


def an_outbox(*, upgraded=True, wire=None):
    """(outbox, owner); with a wire it is written to directly."""
    owner = Owner()
    session = SimpleNamespace(upgraded=upgraded, last_ping=None, closed=False, sid="sid")
    outbox = Outbox(owner, session, Kit())
    if wire is not None:
        outbox.attach_direct(wire)
    return outbox, owner


def message(text):
    return Packet(MESSAGE, text)
