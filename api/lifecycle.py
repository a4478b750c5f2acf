"""Backstage: what runs beside the requests, from the start of a process to its stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from api import metrics
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Store
from api.runtime.base import Runtime
from api.runtime.lockfile import LockFile
from api.services.dispatch import Dispatcher
from api.services.grant import Grants
from api.services.health import OK
from api.services.retention import Retention

_log = get_logger(__name__)
LOCK_SECONDS = 0.5
SWEEP_SECONDS = 1.5
"""How often lost doorbells are looked for: a bell shows a hole only when the next one comes."""
RETENTION_SECONDS = 60.0
"""How often it is looked for history that is not to be kept any longer."""
TICK_SECONDS = 0.02
LOOK_SECONDS = 0.1


class Loop(Protocol):
    """Something that works in a background thread of its own, in every process."""

    def run(self) -> None:
        """Returns after `leave`; survives whatever the journal does."""

    def leave(self) -> None: ...


class Backstage:
    """Dispatcher and sweep. One process at a time runs the tasks of a data folder; another one stands by."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        spawn: Callable[..., Any],
        lock: LockFile,
        grants: Grants,
        dispatcher: Dispatcher,
        sweeps: Sequence[Callable[[], None]],
        loops: Sequence[Loop],
        store: Store,
        retention: Retention,
    ) -> None:
        """`sweeps` look for what a lost doorbell did not tell."""
        self._runtime = runtime
        self._spawn = spawn
        self._lock = lock
        self._grants = grants
        self._dispatcher = dispatcher
        self._sweeps = tuple(sweeps)
        self._loops = tuple(loops)
        self._store = store
        self._retention = retention
        self._started = False
        self._leaving = False
        self._stopped = False

    def start(self) -> bool:
        """Whether this call has started it; every other one does nothing."""
        if self._started:
            return False
        self._started = True
        self._spawn(self._sweep_for_ever)
        self._spawn(self._watch_the_hub)
        self._spawn(self._run_tasks)
        for loop in self._loops:
            self._spawn(loop.run)
        return True

    def leave(self) -> None:
        """Begin to stop: no more tasks are taken, those that run are asked to end. Does not wait."""
        self._leaving = True
        for loop in self._loops:
            loop.leave()
        if self._lock.held:
            self._dispatcher.leave()

    def call_while(self, condition: Callable[[], bool], action: Callable[[], None]) -> None:
        """`action` in a background thread, ten times a second while `condition` holds."""

        def watch() -> None:
            while True:
                if condition():
                    action()
                self._runtime.sleep(LOOK_SECONDS)

        self._spawn(watch)

    def stop(self, grace: float) -> None:
        if self._stopped:
            return
        self._stopped = True
        self.leave()
        if self._lock.held:
            self._dispatcher.stop(grace)
        self._store.close()
        self._lock.release()

    def condition(self) -> str:
        """`ok` while this process runs tasks, else what it waits for."""
        if not self._started:
            return "not started"
        return OK if self._lock.held else "standing by: another server runs the tasks of this data folder"

    def _run_tasks(self) -> None:
        self._wait_for_the_lock()
        while not self._leaving:
            try:
                for task in self._grants.recover():
                    _log.info("task_recovered", task_id=task.id, status=str(task.status))
                break
            except RuncastError as error:
                metrics.failure("recover")
                _log.warning("recovery_delayed", reason=error.message)
                self._runtime.sleep(LOCK_SECONDS)
        if not self._leaving:
            self._spawn(self._trim_for_ever)
            self._dispatcher.run()

    def _sweep_for_ever(self) -> None:
        while not self._leaving:
            self._runtime.sleep(SWEEP_SECONDS)
            for sweep in self._sweeps:
                try:
                    sweep()
                except RuncastError as error:
                    metrics.failure("sweep")
                    _log.warning("sweep_failed", reason=error.message)

    def _trim_for_ever(self) -> None:
        while not self._leaving:
            try:
                self._retention.sweep()
            except Exception as error:  # noqa: BLE001  whatever it is, the journal must not grow for ever because of it
                if not self._leaving:
                    metrics.failure("retention")
                    _log.warning("retention_failed", reason=str(error))
            self._runtime.sleep(RETENTION_SECONDS)

    def _watch_the_hub(self) -> None:
        largest = 0.0
        while not self._leaving:
            asleep = time.monotonic()
            self._runtime.sleep(TICK_SECONDS)
            gap = max(0.0, time.monotonic() - asleep - TICK_SECONDS)
            largest = max(largest, gap)
            metrics.HUB_GAP.observe(gap)
            metrics.RECENT_GAP.note(gap)
            metrics.HUB_GAP_MAX.set(largest)

    def _wait_for_the_lock(self) -> None:
        told = False
        while not self._leaving and not self._lock.acquire():
            if not told:
                _log.warning("standing_by", reason="another server runs the tasks of this data folder")
                told = True
            self._runtime.sleep(LOCK_SECONDS)
