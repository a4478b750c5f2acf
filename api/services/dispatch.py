"""Dispatch: as many attempts at once as there are slots, one background thread for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from api import metrics
from api.domain.announcement import system_event
from api.domain.event import Draft
from api.domain.lifecycle import Command, Status
from api.domain.silence import span
from api.domain.task import Task
from api.domain.workload import Workload
from api.errors import Conflict, RuncastError, StaleLease, Unavailable
from api.log import get_logger
from api.ports import Announcer, Assignment, Control, Ending, Outcome, Runner
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.services.commit import Change, unchanged
from api.services.folders import Folders
from api.services.grant import Grant, Grants
from api.services.publish import Publisher
from api.services.pulse import Pulse
from api.services.silence import stall

_log = get_logger(__name__)
POLL_SECONDS = 1.0
"""How soon work and commands that another process wrote are noticed; our own wake it at once."""
RETRY_SECONDS = 0.5

Spawn = Callable[..., Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one task may take of the machine; None for as much as there is. See `api.ports.Assignment`."""

    memory_bytes: int | None = None
    open_files: int | None = None
    output_bytes: int | None = None


@dataclass(slots=True)
class _Attempt:
    grant: Grant
    pulse: Pulse
    control: Control = field(default_factory=Control)
    sent: str | None = None


class Dispatcher:
    """Runs on the hub. Only the process that holds the data folder's lock starts one."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        spawn: Spawn,
        grants: Grants,
        publisher: Publisher,
        runner: Runner,
        folders: Folders,
        slots: int,
        stalled_seconds: float,
        bounds: Bounds,
        input_dirs: Sequence[Path],
        workloads: Mapping[str, Workload],
        announcer: Announcer,
    ) -> None:
        """`spawn` starts a background thread: `socketio.start_background_task`."""
        self._workloads = workloads
        self._announcer = announcer
        self._runtime = runtime
        self._spawn = spawn
        self._grants = grants
        self._publisher = publisher
        self._runner = runner
        self._folders = folders
        self._slots = slots
        self._stalled_seconds = stalled_seconds
        self._bounds = bounds
        self._input_dirs = tuple(folder.resolve() for folder in input_dirs)
        self._attempts: dict[str, _Attempt] = {}
        self._nudge = runtime.waiter()
        self._next_look = 0.0
        """When to look for commands (monotonic): at once where one was told of, else soon, as other processes give
        some too."""
        self._stopping = False
        self._patience = POLL_SECONDS
        """Seconds until something may have to be done without a nudge."""

    def wake(self) -> None:
        """There is new work; from any thread."""
        self._nudge.set()

    def heed(self) -> None:
        """There is a new command; from any thread."""
        self._next_look = 0.0
        self._nudge.set()

    def run(self) -> None:
        """The loop of the dispatcher's own background thread."""
        while not self._stopping:
            self._nudge = self._runtime.waiter()
            try:
                self._fill_slots()
                if time.monotonic() >= self._next_look:
                    self._next_look = time.monotonic() + POLL_SECONDS  # before it: what comes after leads to another
                    self._pass_commands_on()
                self._runner.tend()
            except RuncastError as error:
                metrics.failure("dispatch")
                _log.warning("dispatch_delayed", reason=error.message)
            except Exception:  # noqa: BLE001  without this loop no task would ever start again; counted and logged
                metrics.failure("dispatch_broken")
                _log.exception("dispatch_broken")
            self._nudge.wait(self._patience)

    def leave(self) -> None:
        """Take no more work and ask what runs to end; does not wait for it."""
        if self._stopping:
            return
        self._stopping = True
        self.wake()
        for attempt in list(self._attempts.values()):
            attempt.control.send("shutdown")

    def stop(self, grace: float) -> None:
        """`leave`, and wait `grace` seconds at most until nothing runs."""
        self.leave()
        deadline = time.monotonic() + grace
        while self._attempts and time.monotonic() < deadline:
            self._runtime.sleep(0.05)

    def _fill_slots(self) -> None:
        self._patience = POLL_SECONDS
        free = self._slots - len(self._attempts)
        if self._stopping or free <= 0:
            return
        grants, due_in = self._grants.take(free)
        for grant in grants:
            self._spawn(self._slot, self._enter(grant))
        if due_in is not None:
            self._patience = min(POLL_SECONDS, max(0.0, due_in))

    def _enter(self, grant: Grant) -> _Attempt:
        attempt = _Attempt(grant, Pulse(self._stalled_seconds))
        self._attempts[grant.task.id] = attempt
        metrics.RUNNING.set(len(self._attempts))
        if self._stopping:  # the stop came while the grant was being committed: it has not seen this one
            attempt.control.send("shutdown")
        return attempt

    def _pass_commands_on(self) -> None:
        if not self._attempts:
            return
        for task_id, task in self._grants.commands(list(self._attempts)).items():
            attempt = self._attempts.get(task_id)
            if attempt is not None:
                _pass_on(attempt, task)
                self._feel_pulse(attempt, task)

    def _feel_pulse(self, attempt: _Attempt, task: Task) -> None:
        """Say of a task that has been silent for long that it has stalled, and where it stands."""
        pulse = attempt.pulse
        if task.status is not Status.RUNNING or task.pending_command is not None:
            pulse.rest()
        elif pulse.is_late:
            said = stall(task, f"stalled: nothing was reported for {span(pulse.silent_for)}")
            try:
                self._publisher.publish(task.id, [said], lease_id=attempt.grant.lease_id, also=_stalled)
            except (Conflict, StaleLease):  # it has just ended, or goes on elsewhere
                return
            pulse.stall()
            attempt.control.send("stacks")

    def _slot(self, attempt: _Attempt | None) -> None:
        """One attempt after the other for as long as there is a next one, in a background thread."""
        while attempt is not None:
            attempt = self._attempt(attempt)
        self._nudge.set()

    def _attempt(self, attempt: _Attempt) -> _Attempt | None:
        """The life of one attempt; the one that has its slot after it, granted in the same commit."""
        grant, following = attempt.grant, None
        task = grant.task
        _log.debug("attempt_started", task_id=task.id, type=task.type, attempt=task.attempt)
        try:
            reports = _Reports(self._publisher, self._grants, attempt, self._announcer)
            outcome = self._runner.run(self._assignment(grant), reports, attempt.control)
            ended = _log.debug if outcome.ending is Ending.COMPLETED else _log.info
            ended("attempt_ended", task_id=task.id, attempt=task.attempt, ending=outcome.ending, error=outcome.error)
            following = self._settle(grant, outcome)
            if outcome.died:
                data = {"task_id": task.id, "type": task.type, "attempt": task.attempt}
                self._announcer.announce(system_event("worker_lost", outcome.error, data))
        except Exception:  # noqa: BLE001  the slot must come back; counted, logged, recovered at the next start
            metrics.failure("attempt")
            _log.exception("attempt_broken", task_id=task.id)
        finally:
            del self._attempts[task.id]
            metrics.RUNNING.set(len(self._attempts))
        return self._enter(following) if following is not None else None

    def _assignment(self, grant: Grant) -> Assignment:
        task = grant.task
        workload = self._workloads.get(task.type)
        return Assignment(
            task_id=task.id,
            lease_id=grant.lease_id,
            type=task.type,
            params=task.params,
            attempt=task.attempt,
            artifact_dir=self._folders.working(grant.lease_id),
            result_dir=self._folders.result_dir(task),
            checkpoint_file=self._folders.checkpoint(task.id),
            input_dirs=(*self._input_dirs, self._folders.uploads(task.owner)),
            timeout_seconds=task.timeout_seconds,
            definition=workload.definition if workload else None,
            memory_bytes=self._bounds.memory_bytes,
            open_files=self._bounds.open_files,
            output_bytes=self._bounds.output_bytes,
            shared_dir=self._folders.shared(task),
        )

    def _settle(self, grant: Grant, outcome: Outcome) -> Grant | None:
        """Move the files, then commit the end: who hears of it finds them in place. What is to run next here."""
        again = outcome.ending in (Ending.LOST, Ending.PAUSED) or (
            outcome.ending is Ending.FAILED and grant.task.attempt < grant.task.max_attempts
        )
        place = self._place_of(grant) if outcome.files and not again else None
        try:
            following = self._until_stored(
                lambda: self._grants.finish(grant, outcome, place, followed=not self._stopping)
            )
        except Conflict as error:
            metrics.STALE_REPORTS.inc()
            _log.warning("late_outcome_refused", task_id=grant.task.id, reason=error.message)
            return None
        if (again and outcome.files) or (outcome.ending is Ending.COMPLETED and outcome.saved):
            offload(self._runtime, lambda: self._tidy(grant, outcome, again))
        return following

    def _place_of(self, grant: Grant) -> str | None:
        try:
            return offload(self._runtime, lambda: self._folders.settle(grant.task, grant.lease_id))
        except OSError as error:
            metrics.failure("settle")
            _log.error("files_not_moved", task_id=grant.task.id, reason=str(error))
            return self._folders.lease_dir(grant.lease_id)

    def _tidy(self, grant: Grant, outcome: Outcome, again: bool) -> None:
        """The checkpoint of a task that failed or was cancelled stays: it may be retried from there."""
        if again:
            self._folders.discard_lease(grant.lease_id)
        if outcome.ending is Ending.COMPLETED:
            self._folders.discard_checkpoint(grant.task.id)

    def _until_stored(self, commit: Callable[[], T]) -> T:
        """The end of a task is not given up because the journal is down for a while."""
        while True:
            try:
                return commit()
            except Unavailable as error:
                metrics.failure("finish")
                _log.warning("outcome_waits_for_the_journal", reason=error.message)
                if self._stopping:
                    raise
                self._runtime.sleep(RETRY_SECONDS)


class _Reports:
    """The runner's way into the journal, under one lease."""

    def __init__(self, publisher: Publisher, grants: Grants, attempt: _Attempt, announcer: Announcer) -> None:
        self.announce = announcer.announce
        self._publisher = publisher
        self._grants = grants
        self._grant = attempt.grant
        self._pulse = attempt.pulse

    def report(self, drafts: Sequence[Draft]) -> None:
        alive = self._pulse.is_life(drafts)
        change: Change = unchanged
        if alive and self._pulse.stalled:
            change = _going_on
            running = replace(self._grant.task, status=Status.RUNNING)
            drafts = [stall(running, "reporting again", stalled=False), *drafts]
        try:
            self._publisher.publish(self._grant.task.id, drafts, lease_id=self._grant.lease_id, also=change)
        except StaleLease as error:
            self._refused(error)
            raise
        except Conflict as error:
            self._refused(error)
            raise StaleLease(error.message) from None
        if alive:
            self._pulse.beat()

    def took_effect(self, command: str) -> None:
        try:
            self._grants.took_effect(self._grant, command)
        except StaleLease as error:
            self._refused(error)
            raise

    def _refused(self, error: Conflict | StaleLease) -> None:
        """The task is no longer this lease's: what comes late is kept out of its journal, and told here."""
        task_id, lease_id = self._grant.task.id, self._grant.lease_id
        _log.warning("late_report_refused", task_id=task_id, lease_id=lease_id, reason=error.message)


def _stalled(task: Task) -> Task:
    return replace(task, stalled=True)


def _going_on(task: Task) -> Task:
    return replace(task, stalled=False)


def _pass_on(attempt: _Attempt, task: Task) -> None:
    wanted = task.pending_command
    if wanted is None and attempt.sent == Command.PAUSE and task.status is Status.RUNNING:
        wanted = str(Command.RESUME)  # the pause was withdrawn before it took effect
    if wanted is not None and wanted != attempt.sent:
        attempt.control.send(wanted)
    attempt.sent = wanted
