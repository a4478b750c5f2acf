"""The runner of one machine: each attempt in a child process of its own."""

from __future__ import annotations

import sys
from functools import partial

from api.execution.attempt import Attempt
from api.execution.ladder import Deadlines
from api.execution.pool import Care, Pool
from api.execution.spawn import Spawn, spawn_worker
from api.ports import Assignment, Control, Ending, Outcome, Reporter
from api.runtime.base import Runtime, Waiter

LONGEST_STOP = 15.0
"""Seconds within which a process is gone, whatever it does."""

__all__ = ["Deadlines", "LocalRunner"]


class LocalRunner:
    """Implements `api.ports.Runner`. `run` may be called by any number of background threads at once."""

    def __init__(
        self,
        runtime: Runtime,
        spawn: Spawn | None = None,
        *,
        python: str = sys.executable,
        deadlines: Deadlines | None = None,
        care: Care | None = None,
    ) -> None:
        """`spawn` starts worker processes, by default by `python`; without `care` there is a new one for each task."""
        self._runtime = runtime
        self._pool = Pool(spawn or partial(spawn_worker, runtime.selector, python), runtime, care)
        self._deadlines = deadlines or Deadlines()
        self._running: dict[int, Control] = {}
        self._closed = False
        self._idle: Waiter | None = None

    def run(self, assignment: Assignment, reporter: Reporter, control: Control) -> Outcome:
        """See `api.ports.Runner`. Raises only what `reporter` raises beyond its protocol; the child is dead then."""
        self._running[id(control)] = control
        try:
            return self._run(assignment, reporter, control)
        finally:
            del self._running[id(control)]
            if self._idle is not None and not self._running:
                self._idle.set()

    def tend(self) -> None:
        """See `api.ports.Runner`."""
        if not self._closed:
            self._pool.tend()

    def close(self) -> None:
        """End every attempt as LOST and wait until their processes are gone; new ones are not started."""
        self._closed = True
        self._pool.close()
        if self._running:
            self._idle = self._runtime.waiter()
            for control in list(self._running.values()):
                control.send("shutdown")
            if self._running:  # else the last one has ended before it could know of the waiter
                self._idle.wait(LONGEST_STOP)

    def _run(self, assignment: Assignment, reporter: Reporter, control: Control) -> Outcome:
        if self._closed or "shutdown" in control.asked:
            return Outcome(Ending.LOST, error="the runner was stopped")
        if "cancel" in control.asked:
            return Outcome(Ending.CANCELLED)
        done, outcome = self._attempt(self._pool.take, assignment, reporter, control)
        if not done:
            _, outcome = self._attempt(self._pool.fresh, assignment, reporter, control)
        return outcome

    def _attempt(
        self, worker: Spawn, assignment: Assignment, reporter: Reporter, control: Control
    ) -> tuple[bool, Outcome]:
        """How the attempt ended; False when it never began, because a worker that had waited was dead by then."""
        try:
            child = worker()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return True, Outcome(Ending.FAILED, error=f"the worker process could not be started: {reason}")
        attempt = Attempt(child, assignment, reporter, control, runtime=self._runtime, deadlines=self._deadlines)
        try:
            outcome = attempt.run()
        finally:
            self._pool.give_back(child, idle=attempt.idle)
        return attempt.started or not child.waited or outcome.ending is not Ending.FAILED, outcome
