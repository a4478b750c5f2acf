"""The native thread that brings the write-ahead log into the database, so that no commit has to.

SQLite does that by itself inside every commit that finds 1,000 pages in the log, with two waits for the disk.
Measured with one append at a time, 500 a second, NORMAL, four runs each: p99 3.5 to 5.8 ms that way, 0.5 to 3.1
with a thread; p99.9 6.4 to 8.9 ms, and 1.8 to 3.9. Without a pause, on a busy machine: 1.5 times as many appends.
"""

from __future__ import annotations

from _queue import Empty, SimpleQueue  # the C type: real locks, whatever is monkey-patched

from sqlalchemy import text

from api.runtime.base import Waiter
from api.store.engine import Connection
from api.store.failures import is_locked
from api.store.health import Health
from api.store.link import Link
from api.store.statement import Statement

ROWS = 500
"""Changed rows after which there is something to do: two per append, which writes about four pages."""
GATHER_SECONDS = 0.1
"""At most so often, however fast they come."""
HARD_BOUND = 16384
"""Pages (64 MiB) from which on the log must start over: under load some commit is always newer than what a
passive checkpoint has seen, so that it never does by itself. Writers wait then, 3 ms where the disk is idle and
some 30 ms where it is not: rarely enough."""
ROUNDS, NEAR = 4, 200
"""Writers wait for what was committed since the last passive checkpoint: so that is repeated until it was less than
so many pages, but not for ever."""

_PASSIVE = Statement(text("PRAGMA wal_checkpoint(PASSIVE)"))
_RESTART = Statement(text("PRAGMA wal_checkpoint(RESTART)"))


class Checkpointer:
    """Works when the writer says that enough has changed."""

    def __init__(self, link: Link, health: Health) -> None:
        """`link`: its patience is how long readers may keep a log from starting over, and writers waiting."""
        self._link = link
        self._health = health
        self._orders: SimpleQueue[bool] = SimpleQueue()
        self._asked = False
        self._seen = 0
        self._behind = False
        self._done = 0
        """Pages of a log that is too long which readers let go of, at the last look."""
        self._ended: Waiter | None = None

    def committed(self, changes: int) -> None:
        """The writer's connection has changed so many rows since it was opened. Takes no time."""
        if self._asked or 0 <= changes - self._seen < ROWS:
            return
        self._seen = changes
        self._asked = True
        self._orders.put(True)

    def close(self, ended: Waiter) -> None:
        """End soon, and set `ended`."""
        self._ended = ended
        self._orders.put(False)

    def run(self) -> None:
        """The body of the thread. An error is told; the next order finds another connection."""
        while self._goes_on(GATHER_SECONDS if self._behind else None) and self._goes_on(GATHER_SECONDS):
            self._asked = False
            try:
                self._behind = self._work(self._link.connection())
                self._health.worked()
            except Exception as error:  # noqa: BLE001  # whatever it is, the log must not grow for ever because of it
                self._behind = is_locked(error)
                self._link.drop()
                if not self._behind:
                    self._health.failed("store_checkpoint", error)
        self._link.drop()
        if self._ended is not None:
            self._ended.set()

    def _goes_on(self, seconds: float | None) -> bool:
        """Wait for an order, or so long; False at the end."""
        try:
            return self._orders.get(timeout=seconds)
        except Empty:
            return True

    def _work(self, connection: Connection) -> bool:
        """Whether the log is too long still. It is not made to start over while one long read needs it: that
        would keep writers waiting for nothing. Short ones that follow each other without a pause let go of it
        at once, but one of them always holds a part: writers wait for these."""
        before = 0
        for _ in range(ROUNDS):
            _, pages, done = connection.row(_PASSIVE) or (0, 0, 0)
            if pages <= HARD_BOUND:
                self._done = 0
                return False
            if done < pages:
                moved, self._done = done > self._done, done
                if not moved:
                    return True
                break
            if pages - before < NEAR:
                break
            before = pages
        busy, _, _ = connection.row(_RESTART) or (1, 0, 0)
        return bool(busy)
