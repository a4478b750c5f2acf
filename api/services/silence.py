"""Silence: reporters of external tasks that are not heard of any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from api.domain.event import Draft, EventType
from api.domain.lifecycle import Status
from api.domain.silence import patience, silent_for, span
from api.domain.task import Task
from api.ports import Clock, Store, Transaction
from api.services.publish import Commit, Publisher


class Silence:
    """Marks tasks as stalled, and fails them where the settings say so. For the process that runs the tasks."""

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        *,
        floor: float,
        lost: float,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`floor`: seconds of silence that are nothing yet; `lost`: after which the task fails, 0 for never."""
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._floor = floor
        self._lost = lost
        self._elapsed = elapsed
        self._noticed: dict[str, float] = {}
        """Since when each task is known to be silent, on a clock that nobody sets."""
        self._began: float | None = None

    def sweep(self) -> None:
        """Once in a while. Nobody could report while no server was there: each start gives `floor` seconds."""
        now = self._elapsed()
        self._began = now if self._began is None else self._began
        silent = self._store.read(self._silent)
        self._noticed = {task.id: self._noticed.get(task.id, now) for task in silent}
        if now - self._began < self._floor:
            return
        for task in silent:
            if not task.stalled or self._is_lost(task):
                self._tell(task.id)

    def _silent(self, tx: Transaction) -> list[Task]:
        return [task for task in tx.with_status([Status.RUNNING, Status.PAUSED]) if self._is_silent(task)]

    def _is_silent(self, task: Task) -> bool:
        return silent_for(task, self._clock()) > patience(task, self._floor)

    def _is_lost(self, task: Task) -> bool:
        """Never at first sight, whatever the wall clock says: a reporter that lives clears the stall before."""
        known = self._elapsed() - self._noticed.get(task.id, self._elapsed())
        return task.stalled and 0 < self._lost < silent_for(task, self._clock()) and known >= self._floor

    def _tell(self, task_id: str) -> None:
        commit = self._store.write(lambda tx: self._commit(tx, task_id))
        if commit is not None:
            self._publisher.ring(commit)

    def _commit(self, tx: Transaction, task_id: str) -> Commit | None:
        task = tx.task(task_id)
        if task is None or task.terminal or not self._is_silent(task):
            return None  # ended or heard of in the meantime
        said = f"its reporter has not been heard of for {span(silent_for(task, self._clock()))}"
        if self._is_lost(task):
            error = {"status": str(Status.FAILED), "error": said, "attempt": task.attempt}
            return self._publisher.within(tx, task, [Draft(EventType.ERROR, error)])
        if task.stalled:
            return None
        return self._publisher.within(tx, task, [stall(task, f"stalled: {said}")], also=_stalled)


def _stalled(task: Task) -> Task:
    return replace(task, stalled=True)


def stall(task: Task, message: str, *, stalled: bool = True) -> Draft:
    """The event by which a task stalls, or goes on; its status stays."""
    data = {"status": str(task.status), "message": message, "attempt": task.attempt, "stalled": stalled}
    return Draft(EventType.STATUS_CHANGE, data)
