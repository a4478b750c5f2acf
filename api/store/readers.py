"""The native threads that answer reads, each with a connection of its own."""

from __future__ import annotations

from api.errors import Unavailable
from api.runtime.base import Waiter
from api.store import guards
from api.store.engine import BEGIN_READ
from api.store.failures import for_caller, is_outage
from api.store.health import Health
from api.store.jobs import Job, JobQueue
from api.store.link import Link


class Reader:
    """Takes reads from a queue that it shares with the other readers."""

    def __init__(self, link: Link, queue: JobQueue, health: Health) -> None:
        self._link = link
        self._queue = queue
        self._health = health
        self.ended: Waiter | None = None
        """Set when the thread ends, if somebody put a waiter here before closing the queue."""

    def run(self) -> None:
        """The body of the thread."""
        guards.inside.set(True)
        while (job := self._queue.get()) is not None:
            try:
                self._answer(job)
                self._health.worked()
            except BaseException as error:  # noqa: BLE001  # it is the caller's, whatever it is
                self._recover(error)
                job.error = for_caller(error)
            job.wake()
        self._link.drop()
        if self.ended is not None:
            self.ended.set()

    def _answer(self, job: Job) -> None:
        if self._health.down and job.overdue:  # others have found out at length: not everyone has to
            raise Unavailable("the database cannot be used now")
        connection = self._link.connection()
        connection.execute(BEGIN_READ)
        try:
            job.result = job.work(self._link.transaction(connection))
        finally:
            connection.execute("ROLLBACK")

    def _recover(self, error: BaseException) -> None:
        if is_outage(error):
            self._health.failed("store_read", error)
            self._link.drop()
