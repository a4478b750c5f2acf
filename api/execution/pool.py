"""Worker processes that wait: started ahead with the workloads imported, or kept after a task for the next one."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api import metrics
from api.domain.event import Draft
from api.execution.hearing import Hearing
from api.execution.messages import LEAVE, Keep, Warm
from api.execution.process import ChildProcess
from api.execution.spawn import Spawn
from api.execution.sweep import sweep
from api.log import get_logger
from api.runtime.base import Runtime

_log = get_logger(__name__)
IDLE_SECONDS = 60.0
"""How long a worker that is not among those kept ahead waits for another task."""
LEAVE_SECONDS = 5.0
"""How long one that was told to leave may take."""
WARM_SECONDS = 60.0
"""How long the imports may take; a worker that needs longer hangs in one."""
LOOK_SECONDS = 0.5
FIRST_DELAY, LAST_DELAY = 2.0, 300.0
"""Seconds until another one is started ahead after one has died before it could be used: doubles each time."""


@dataclass(frozen=True, slots=True)
class Care:
    """How many workers wait, and how long one is used."""

    ahead: int = 0
    """Workers that are started before anybody needs them."""
    slots: int | None = None
    """Tasks that run at once, at most: no more workers wait than slots are free, and one where none is."""
    tasks: int = 1
    """Tasks that one worker may have."""
    memory: int = 0
    """Bytes that one may have after a task and still be kept."""
    types: Sequence[str] = ()
    """Workloads that are imported ahead."""


@dataclass(slots=True)
class _Waiting:
    child: ChildProcess
    since: float
    hearing: Hearing | None = None
    """While it imports: afterwards nobody listens before its next task."""


class Pool:
    """`take` and `give_back` may be called by any thread of the runtime, the rest by the dispatcher's alone."""

    def __init__(
        self, spawn: Spawn, runtime: Runtime, care: Care | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spawn = spawn
        self._runtime = runtime
        self._care = care or Care()
        self._clock = clock
        # The ends of the one and the members of the other are changed by one call each, which no thread interrupts.
        self._idle: deque[_Waiting] = deque()
        self._busy: set[ChildProcess] = set()
        self._come_back = True
        """Whether the last worker whose task ended could have another one."""
        self._warming: _Waiting | None = None
        self._leaving: list[_Waiting] = []
        self._next_look = 0.0
        self._next_start = 0.0
        self._delay = FIRST_DELAY

    def take(self) -> ChildProcess:
        """A worker that waits, or a new one. `OSError` when the machine has no room for one."""
        while True:
            try:
                child = self._idle.pop().child
            except IndexError:
                return self.fresh()
            self._count()
            if not child.exited:
                child.tasks, child.waited = child.tasks + 1, True
                self._busy.add(child)
                return child
            _forget(child)

    def _count(self) -> None:
        metrics.WAITING_WORKERS.set(len(self._idle))

    def fresh(self) -> ChildProcess:
        """A new worker, whoever waits."""
        child = self._spawn()
        if self._care.tasks > 1:
            child.send(Keep(memory=self._care.memory).message())
        child.tasks += 1
        self._busy.add(child)
        return child

    def give_back(self, child: ChildProcess, *, idle: bool = True) -> None:
        """A worker's task has ended: if it is idle keep it, or let it go."""
        self._busy.discard(child)
        self._come_back = idle and child.tasks < self._care.tasks
        if self._come_back:
            self._idle.append(_Waiting(child, self._clock()))
            self._count()
        elif idle:
            self._dismiss(child)

    def tend(self) -> None:
        """Have as many ahead as there should be, and no more than that for long. Cheap when there is nothing to do."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        self._await_warmth(now)
        if self._warming is None and len(self._idle) < self._wanted() and now >= self._next_start:
            self._start_ahead(now)
        while len(self._idle) > self._care.ahead and self._idle[0].since + IDLE_SECONDS < now:
            self._dismiss(self._idle.popleft().child)
        self._count()
        self._see_off(now)

    def close(self) -> None:
        """Let all go that wait."""
        waiting = [*self._idle, *([self._warming] if self._warming else []), *self._leaving]
        self._idle.clear()
        self._leaving.clear()
        self._warming = None
        for each in waiting:
            each.child.close()  # it ends itself when nobody holds the other end of its socket

    # -- ahead -----------------------------------------------------------------------------------------

    def _wanted(self) -> int:
        """How many are to wait: for what could start now, and in place of busy ones that will not have another task.

        One there always is: which task will fail or be cancelled, and end its worker, is not known before.
        """
        if self._care.slots is None or not self._come_back:
            return self._care.ahead
        return min(self._care.ahead, max(1, self._care.slots - len(self._busy)))

    def _start_ahead(self, now: float) -> None:
        try:
            child = self._spawn()
        except OSError as error:
            self._failed(now, f"the process could not be started: {error.strerror}")
            return
        child.send(Keep(tuple(self._care.types), self._care.memory).message())
        self._warming = _Waiting(child, now, Hearing(child, 0))

    def _await_warmth(self, now: float) -> None:
        waiting = self._warming
        if waiting is None or waiting.hearing is None:
            return
        _, said = waiting.hearing.listen()
        for report in said:
            if isinstance(report, Draft):  # whoever logs or prints while it is imported does so for no task
                _log.info("worker_said", message=report.data.get("message"))
        if any(isinstance(report, Warm) for report in said):
            self._warming, self._delay = None, FIRST_DELAY
            self._idle.appendleft(_Waiting(waiting.child, now))
        elif waiting.child.exited or waiting.hearing.rubbish or now > waiting.since + WARM_SECONDS:
            self._warming = None
            self._kill(waiting.child)
            self._failed(now, "it ended, or hung, while it imported the workloads")

    def _failed(self, now: float, reason: str) -> None:
        _log.warning("worker_not_started_ahead", reason=reason, again_in_seconds=self._delay)
        self._next_start = now + self._delay
        self._delay = min(2 * self._delay, LAST_DELAY)

    # -- away ------------------------------------------------------------------------------------------

    def _dismiss(self, child: ChildProcess) -> None:
        child.send({"do": LEAVE})
        self._leaving.append(_Waiting(child, self._clock()))

    def _see_off(self, now: float) -> None:
        for each in list(self._leaving):
            if each.child.exited:
                self._leaving.remove(each)
                _forget(each.child)
            elif now > each.since + LEAVE_SECONDS:
                self._leaving.remove(each)
                self._kill(each.child)

    def _kill(self, child: ChildProcess) -> None:
        """End it, and whatever it has started."""
        child.signal_group(signal.SIGKILL)
        sweep(child, self._runtime)
        _forget(child)


def _forget(child: ChildProcess) -> None:
    child.exit_code()
    child.close()
