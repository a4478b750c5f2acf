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


class Patience:
    """Knows the outboxes in which something waits; the others cost nothing."""

    def __init__(self, give_up: Callable[[Outbox], None], *, seconds: float = PATIENCE_SECONDS) -> None:
        """`give_up` closes a connection, without waiting for its reader."""
        self._give_up = give_up
        self._seconds = seconds
        self._waiting: dict[Outbox, int] = {}
        """With what the kernel had not sent at the last look, in bytes."""

    def watch(self, outbox: Outbox) -> None:
        """Until nothing waits for it any more."""
        if outbox not in self._waiting:
            self._waiting[outbox] = 0
            outbox.moved_at = time.monotonic()

    def run(self, sleep: Callable[[float], None], ping_timeout: float) -> None:
        """The body of its background thread; looks several times within a ping's time-out."""
        while True:
            sleep(min(TICK_SECONDS, ping_timeout / 4, self._seconds / 4))
            self.look()

    def look(self) -> None:
        now = time.monotonic()
        for outbox, unsent_before in list(self._waiting.items()):
            unsent = outbox.channel.unsent() if outbox.channel is not None else 0
            if outbox.idle and not unsent:
                self._waiting.pop(outbox, None)
                continue
            self._waiting[outbox] = unsent
            drained = unsent < unsent_before
            if drained:
                outbox.moved_at = now
            if now - outbox.moved_at >= self._seconds:
                self._waiting.pop(outbox, None)
                self._give_up(outbox)
            elif drained or (outbox.channel is not None and not outbox.idle):
                _suspend_ping(outbox.session, now)


def _suspend_ping(session: Any, now: float) -> None:
    """Its time runs from here; None means that none is out."""
    if session.last_ping is not None:
        session.last_ping = now
