"""One background task for the deadlines of all connections: when to ping, how long to wait for the answer.

Each kind of deadline has the same delay for everybody, so the next one is always the first of its queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

OWING_SECONDS = 10.0
"""How long a client may owe what it must send: the packet that connects it, announced attachments."""
_LEAST = 0.001
_LATE = 0.05
"""A ping that goes out later than it should by no more counts from when it should have: the times that a client
was told hold to the millisecond."""


class Clockwork:
    """For an `Engine`. Keeps ids and no sessions, so that one that has ended is free at once."""

    def __init__(self, sessions: dict[str, Any], *, ping_interval: float, ping_timeout: float) -> None:
        self.owing_seconds = OWING_SECONDS
        self._sessions = sessions
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._pings: deque[tuple[float, str]] = deque()
        self._pongs: deque[tuple[float, str]] = deque()
        self._debts: deque[tuple[float, str]] = deque()

    def expect_ping(self, sid: str) -> None:
        """A ping is due after the interval."""
        self._pings.append((time.monotonic() + self._ping_interval, sid))

    def expect(self, session: Any) -> None:
        """The client owes something: until `session.owing` is None again its time runs."""
        session.owing = time.monotonic()
        self._debts.append((session.owing + self.owing_seconds, session.sid))

    def run(self, sleep: Callable[[float], Any], going_on: Callable[[], bool]) -> None:
        """The body of its background task; `going_on` is asked before each turn."""
        while going_on():
            sleep(self.turn())

    def turn(self) -> float:
        """Do what is due; seconds until it must be looked again."""
        now = time.monotonic()
        for due, session in self._due(self._pings, now):
            if session.last_ping is None:
                since = max(due, now - _LATE)
                session.ping(since)
                if not session.awaited:
                    session.awaited = True
                    self._pongs.append((since + self._ping_timeout, session.sid))
        for _, session in self._due(self._pongs, now):
            self._look_for_pong(session, now)
        for _, session in self._due(self._debts, now):
            if session.owing is not None and session.owing + self.owing_seconds <= now:
                self._end(session, session.server.reason.TRANSPORT_ERROR)
        next_due = min((queue[0][0] for queue in (self._pings, self._pongs, self._debts) if queue), default=None)
        most = min(self._ping_interval, self._ping_timeout, self.owing_seconds)
        return most if next_due is None else max(_LEAST, min(most, next_due - time.monotonic()))

    def _look_for_pong(self, session: Any, now: float) -> None:
        """The ping may have been put off since: its reader was slow. Or answered, and another one sent."""
        if session.last_ping is None:
            session.awaited = False
            return
        left = session.last_ping + self._ping_timeout - now
        if left > 0:
            self._pongs.append((now + left, session.sid))
        else:
            self._end(session, session.server.reason.PING_TIMEOUT)

    def _end(self, session: Any, reason: str) -> None:
        """On a task of its own: the application hears of it, and may take as long as it likes."""
        session.server.start_background_task(session.close, wait=False, reason=reason)

    def _due(self, queue: deque[tuple[float, str]], now: float) -> Iterator[tuple[float, Any]]:
        while queue and queue[0][0] <= now:
            due, sid = queue.popleft()
            session = self._sessions.get(sid)
            if session is not None and not session.closed:
                yield due, session
