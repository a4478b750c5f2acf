"""Readers that are blocked: their pings wait with them; who takes nothing for a minute is let go.

A ping that waits behind data says nothing about its reader, so the time-out of a ping does not run while
the socket is blocked. What counts instead is whether anything moves: out of the outbox, or out of the
kernel's own queue for the socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from api.fanout.outbox import Outbox

TICK_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""A reader that takes nothing for so long is closed."""
BLOCKED_SECONDS = 1.0
"""A socket that has not moved for so long is blocked, and its ping does not run out."""


class Patience:
    """Knows the outboxes in which something waits; the others cost nothing."""

    def __init__(self, give_up: Callable[[Outbox], None], *, seconds: float = PATIENCE_SECONDS) -> None:
        """`give_up` closes a connection, without waiting for its reader."""
        self._give_up = give_up
        self._seconds = seconds
        self._waiting: dict[Outbox, int] = {}
        """With what the kernel had not sent at the last look, in bytes."""

    def watch(self, outbox: Outbox) -> None:
        self._waiting.setdefault(outbox, 0)

    def run(self, sleep: Callable[[float], None], stopped: Callable[[], bool]) -> None:
        """The body of its background thread."""
        while not stopped():
            sleep(min(TICK_SECONDS, self._seconds / 4))
            self.look()

    def look(self) -> None:
        for outbox, unsent_before in list(self._waiting.items()):
            unsent = outbox.channel.unsent() if outbox.channel is not None else 0
            if outbox.idle and not unsent:
                self._waiting.pop(outbox, None)
                continue
            self._waiting[outbox] = unsent
            if unsent < unsent_before:
                outbox.moved_at = time.monotonic()
            self._judge(outbox, time.monotonic() - outbox.moved_at)

    def _judge(self, outbox: Outbox, still: float) -> None:
        if still >= self._seconds:
            self._waiting.pop(outbox, None)
            self._give_up(outbox)
        elif still >= BLOCKED_SECONDS or outbox.full:
            _suspend_ping(outbox.socket)


def _suspend_ping(socket: Any) -> None:
    """engineio measures a ping from here; None means that none is out."""
    if socket is not None and socket.last_ping:
        socket.last_ping = time.time()
