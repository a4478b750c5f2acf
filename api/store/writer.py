"""The native thread that owns the write connection: what comes while one commit runs, goes together next."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from api import metrics
from api.runtime.base import Runtime, Waiter
from api.store import guards
from api.store.engine import BEGIN_WRITE, Connection
from api.store.failures import for_caller, is_locked, is_outage, unavailable
from api.store.health import Health
from api.store.jobs import Job, JobQueue
from api.store.link import Link

GROUP = 256
"""Jobs per commit at most: at 100 µs each nobody waits for more than 25 ms of others' work."""
TOLD_TOGETHER, TOLD_SECONDS = 32, 0.25
"""Times of commits for the metrics are posted so many together, or at the first commit after so long: one by
one they cost a tenth to a fifth of a small commit, for waking the hub."""


class Writer:
    """Commits jobs in the order in which they were put, and wakes them in that order.

    A job that raises before it has changed anything, as nearly all that raise do, fails alone and the
    others go on. One that had changed something spoils its group: the group is rolled back and done again
    with that job in a transaction of its own. (A savepoint around each job would do too, at 15 µs for
    every job that is in order.) When a commit fails, each job of it gets a transaction of its own, so that
    only the guilty one fails.
    """

    def __init__(
        self,
        link: Link,
        runtime: Runtime,
        health: Health,
        at_end: Callable[[], None],
        committed: Callable[[int], None] = lambda changes: None,
    ) -> None:
        """`link` waits for a lock only a slice of the jobs' patience; `at_end` runs last in the thread,
        `committed` after each commit, with the rows that the connection has changed so far."""
        self._link = link
        self._runtime = runtime
        self._health = health
        self._at_end = at_end
        self._committed = committed
        self._times: list[float] = []
        self._told = 0.0
        self._queue = JobQueue()
        self._pending: deque[Job] = deque()
        self._group: list[Job] = []
        self._closing = False
        self._ended: Waiter | None = None

    def put(self, job: Job) -> None:
        self._queue.put(job)

    def close(self, ended: Waiter) -> None:
        """Do what is queued, then end and set `ended`."""
        self._ended = ended
        self._queue.close(consumers=1)

    def run(self) -> None:
        """The body of the thread. Nothing that a job or the database does ends it."""
        guards.inside.set(True)
        while self._gather():
            try:
                self._turn()
            except BaseException as error:  # noqa: BLE001  # a mistake of ours: callers hear it, the thread lives
                self._refuse_all(error)
        self._finish()

    def _gather(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        if not self._pending and not self._closing:
            self._take(self._queue.get())
        for job in self._queue.at_hand():
            self._take(job)
        return bool(self._pending)

    def _take(self, job: Job | None) -> None:
        if job is None:
            self._closing = True
        else:
            self._pending.append(job)

    def _turn(self) -> None:
        connection = self._begin()
        if connection is None:
            return
        started = time.perf_counter()
        self._group = self._next_group()
        try:
            for job in self._group:
                self._attempt(job, connection)
            connection.execute("COMMIT")
        except _Spoiled as spoiled:
            self._undo(connection, [spoiled.job], spoiled.error)
        except Exception as error:  # noqa: BLE001  # it is the callers', whatever it is
            self._health.failed("store_commit", error)
            self._undo(connection, self._group, for_caller(error))
        else:
            self._wake(time.perf_counter() - started)
            self._committed(connection.changes)

    def _begin(self) -> Connection | None:
        """Take the write lock. None when it cannot be had now: who has waited long enough was told so."""
        try:
            connection = self._link.connection()
            connection.execute(BEGIN_WRITE)
        except Exception as error:  # noqa: BLE001  # it is the callers', whatever it is
            if is_locked(error):
                self._refuse_overdue(error)
            else:
                self._refuse_all(error)
            return None
        return connection

    def _next_group(self) -> list[Job]:
        """As many as may share a transaction, in order: one that must be alone, or the others before it."""
        pending, group = self._pending, [self._pending.popleft()]
        while pending and len(group) < GROUP and not (group[0].alone or pending[0].alone):
            group.append(pending.popleft())
        return group

    def _attempt(self, job: Job, connection: Connection) -> None:
        before = connection.changes
        try:
            job.result, job.error = job.work(self._link.transaction(connection)), None
        except BaseException as error:
            if is_outage(error):  # SQLite may have rolled back what the others did
                raise
            if connection.changes != before:
                raise _Spoiled(job, error) from error
            job.result, job.error = None, error

    def _wake(self, seconds: float) -> None:
        for job in self._group:
            job.wake()
        self._group = []
        self._times.append(seconds)
        if len(self._times) >= TOLD_TOGETHER or time.monotonic() - self._told > TOLD_SECONDS:
            self._tell_times()
        self._health.worked()

    def _tell_times(self) -> None:
        self._runtime.post(_observe, self._times)
        self._times = []
        self._told = time.monotonic()

    def _undo(self, connection: Connection, guilty: list[Job], error: BaseException) -> None:
        """Roll back. A job that was alone fails; a group is queued again in its order, the guilty alone."""
        self._roll_back(connection)
        group, self._group = self._group, []
        if len(group) == 1:
            group[0].fail(error)
            return
        for job in guilty:
            job.alone = True
        self._pending.extendleft(reversed(group))

    def _roll_back(self, connection: Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  # what led here is the error that counts; a new connection starts afresh
            self._link.drop()

    def _refuse_overdue(self, error: Exception) -> None:
        while self._pending and self._pending[0].overdue:
            self._health.failed("store_locked", error)
            self._pending.popleft().fail(unavailable(error))

    def _refuse_all(self, error: BaseException) -> None:
        """Whoever waits hears it now; the next job finds a new connection."""
        self._health.failed("store_write", error)
        jobs = [*self._group, *self._pending]
        self._group = []
        self._pending.clear()
        self._link.drop()
        for job in jobs:
            if not job.ended:
                job.fail(unavailable(error))

    def _finish(self) -> None:
        self._link.drop()
        self._tell_times()
        try:
            self._at_end()
        except Exception as error:  # noqa: BLE001  # the journal is whole without it
            self._health.failed("store_close", error)
        self._queue.end()
        if self._ended is not None:
            self._ended.set()


def _observe(times: list[float]) -> None:
    for seconds in times:
        metrics.COMMITS.observe(seconds)


class _Spoiled(Exception):
    """A job has failed half-way through."""

    def __init__(self, job: Job, error: BaseException) -> None:
        self.job = job
        self.error = error
