"""Work on its way from any thread to a native one, and its result on the way back."""

from __future__ import annotations

import time
from _queue import Empty, SimpleQueue  # the C type: real locks, whatever is monkey-patched
from collections.abc import Callable, Iterable
from typing import Any

from api.ports import Transaction
from api.runtime.base import Waiter
from api.store import guards


class Job:
    """One call of `Store.write` or `Store.read`: its thread sets `result` or `error`, then wakes it, once."""

    __slots__ = ("_waiter", "alone", "deadline", "ended", "error", "result", "work")

    def __init__(self, work: Callable[[Transaction], Any], waiter: Waiter, patience: float) -> None:
        """`patience`: for how many seconds another one's lock is waited for."""
        self.work = work
        self.deadline = time.monotonic() + patience
        self.result: Any = None
        self.error: BaseException | None = None
        self.alone = False
        """To be committed in a transaction of its own, because of what happened in one with others."""
        self.ended = False
        self._waiter = waiter

    @property
    def overdue(self) -> bool:
        return time.monotonic() >= self.deadline

    def wake(self) -> None:
        """The job has ended: its caller goes on."""
        self.ended = True
        self._waiter.set()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.wake()

    def wait(self) -> Any:
        """Block the caller until the job has ended; what the work returned, or raise what it raised."""
        self._waiter.wait()
        error, self.error = self.error, None
        if error is None:
            return self.result
        try:
            raise error
        finally:
            del error  # else the traceback, which holds this frame, keeps itself alive


class JobQueue:
    """A queue that no job is left behind in, not even one that comes while it is being closed."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self._ended = False

    def put(self, job: Job) -> None:
        """`Unavailable` when closed."""
        if self._closed:
            raise guards.closed()
        self._queue.put(job)
        if self._ended:  # closed between these lines: nobody else will look again
            self._refuse_rest()

    def get(self) -> Job | None:
        """The next job, waited for; None when there will be no more."""
        return self._queue.get()

    def at_hand(self) -> Iterable[Job | None]:
        """What is queued now, without waiting."""
        try:
            while True:
                yield self._queue.get_nowait()
        except Empty:
            return

    def close(self, *, consumers: int) -> None:
        """Take no more; each consumer gets its None after what is queued."""
        self._closed = True
        for _ in range(consumers):
            self._queue.put(None)

    def end(self) -> None:
        """The last consumer has gone."""
        self._ended = True
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        for job in self.at_hand():
            if job is not None:
                job.fail(guards.closed())
