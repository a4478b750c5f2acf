"""The store on a SQL database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from api.ports import Transaction
from api.runtime.base import Runtime
from api.store import guards
from api.store.checkpointer import Checkpointer
from api.store.engine import Database
from api.store.epoch import enter, leave
from api.store.health import Health
from api.store.jobs import Job, JobQueue
from api.store.link import Link
from api.store.migrate import migrate
from api.store.readers import Reader
from api.store.writer import Writer

T = TypeVar("T")

READERS = 2
LOCK_SLICE = 0.1
"""Seconds that the writer waits for a lock at a time; in between it looks who has waited long enough."""

CHECKPOINT_SLICE = 0.05
"""Seconds that the log may wait for readers to be able to start over; writers wait as long."""


class SqlStore:
    """`ports.Store` on SQLite: one native thread writes, one checkpoints, two read, and the hub waits for none of them.

    What the work of a `write` or `read` does runs in such a thread: it may use nothing but its transaction.
    """

    def __init__(self, url: str, runtime: Runtime, *, synchronous: str = "NORMAL", busy_timeout: float = 2.0) -> None:
        """Create or migrate the database, then start the threads; blocks for some 10 ms.

        `synchronous="FULL"` survives a loss of power. `busy_timeout`: seconds that a caller waits for a lock
        of another process before it gets `Unavailable`. `ConfigError` for a URL or database of no use.
        """
        self._runtime = runtime
        self._patience = busy_timeout
        database = Database(url, synchronous=synchronous)
        migrate(url)
        opening = enter(database)
        self._checkpointer = Checkpointer(
            Link(database, busy_timeout=CHECKPOINT_SLICE, writable=True), Health(runtime, "checkpointer")
        )
        self._writer = Writer(
            Link(database, busy_timeout=min(LOCK_SLICE, busy_timeout), writable=True),
            runtime,
            Health(runtime, "writer"),
            lambda: leave(database, opening),
            self._checkpointer.committed,
        )
        self._reads = JobQueue()
        links = [Link(database, busy_timeout=busy_timeout, writable=False) for _ in range(READERS)]
        health = Health(runtime, "readers")
        self._readers = [Reader(link, self._reads, health) for link in links]
        self._closed = False
        self._start()

    def write(self, work: Callable[[Transaction], T], *, queued: Callable[[], None] | None = None) -> T:
        """`work` may run more than once: it must change nothing but through its transaction."""
        job = self._job(work)
        self._writer.put(job)
        if queued is not None:
            queued()
        result: T = job.wait()
        return result

    def read(self, query: Callable[[Transaction], T]) -> T:
        job = self._job(query)
        self._reads.put(job)
        result: T = job.wait()
        return result

    def close(self) -> None:
        """Do what is queued, end the threads, empty the write-ahead log. Later calls get `Unavailable`."""
        if self._closed:
            return
        self._closed = True
        self._close_readers()
        for thread in (self._checkpointer, self._writer):  # who writes last: with nobody else there the log
            ended = self._runtime.waiter()  # can be emptied
            thread.close(ended)
            ended.wait()

    def _job(self, work: Callable[[Transaction], T]) -> Job:
        guards.must_be_outside()
        return Job(work, self._runtime.waiter(), self._patience)

    def _start(self) -> None:
        self._runtime.start_native(self._writer.run, "runcast-writer")
        self._runtime.start_native(self._checkpointer.run, "runcast-checkpointer")
        for number, reader in enumerate(self._readers, 1):
            self._runtime.start_native(reader.run, f"runcast-reader-{number}")

    def _close_readers(self) -> None:
        for reader in self._readers:
            reader.ended = self._runtime.waiter()
        self._reads.close(consumers=READERS)
        for reader in self._readers:
            if reader.ended is not None:
                reader.ended.wait()
        self._reads.end()
