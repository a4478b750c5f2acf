"""joblib, and scikit-learn on it: the tasks of every `Parallel` inside `with reporting(job)` are the progress.

    with client.report("grid search") as job, reporting(job):
        GridSearchCV(model, grid, n_jobs=4).fit(X, y)

Needs `pip install joblib`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib

from api.adapters import Job
from api.errors import TaskCancelled

_PENDING, _ERROR = "Pending", "Error"
"""joblib's names for the state of a task."""


@contextmanager
def reporting(job: Job, total: int | None = None) -> Iterator[None]:
    """Report the completed tasks of this process' `joblib.Parallel`, whatever backend runs them.

    `total` where it is known: scikit-learn hands its tasks over one by one, and their number is known when the last
    has been. A cancel ends the call of `Parallel` with `TaskCancelled`, a pause lets no further task start. Not
    for two jobs at once in one process.
    """
    count = _Count(job, total)
    original = joblib.Parallel.print_progress

    @functools.wraps(original)
    def print_progress(parallel: Any) -> None:
        original(parallel)
        count.tell(parallel)

    joblib.Parallel.print_progress = print_progress
    try:
        yield
    finally:
        joblib.Parallel.print_progress = original


class _Count:
    """The tasks of one `reporting`, over all calls of `Parallel` in it."""

    def __init__(self, job: Job, total: int | None) -> None:
        self._job = job
        self._total = total
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._done: dict[tuple[int, float], int] = {}
        self._known: dict[tuple[int, float], int | None] = {}

    def tell(self, parallel: Any) -> None:
        """Called by joblib after each completed batch, by its callback thread or by the caller's own."""
        try:
            self._progress(parallel)
            self._job.checkpoint()
        except TaskCancelled as cancelled:
            if threading.get_ident() == self._thread:
                raise
            _abort(parallel, cancelled)

    def _progress(self, parallel: Any) -> None:
        with self._lock:
            call = (id(parallel), parallel._start_time)  # the same object may be called again
            self._done[call] = parallel.n_completed_tasks
            self._known[call] = _total(parallel)
            done, known = sum(self._done.values()), list(self._known.values())
        total = self._total or (None if None in known else sum(filter(None, known)))
        self._job.progress(done, total=total, message=f"{done} tasks done")


def _total(parallel: Any) -> int | None:
    """How many tasks a `Parallel` will have run, once it knows."""
    if parallel.n_tasks:
        return int(parallel.n_tasks)
    return None if parallel._original_iterator is not None else int(parallel.n_dispatched_tasks)


def _abort(parallel: Any, reason: TaskCancelled) -> None:
    """End the call as a failing task would: an exception here, in joblib's callback thread, would be lost."""
    for batch in list(parallel._jobs):
        if batch.status == _PENDING:
            batch._register_outcome({"status": _ERROR, "result": reason})
            return
