"""Grants: who works on which task. Each one is a lease; a report under an older lease is refused."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from api import metrics
from api.domain.event import Draft, EventType, rfc3339
from api.domain.lifecycle import Command, Status
from api.domain.retry import RetryPolicy
from api.domain.task import Task
from api.errors import StaleLease
from api.ports import Clock, Ending, Outcome, Store, Transaction
from api.services.publish import Commit, Publisher


@dataclass(frozen=True, slots=True)
class Grant:
    task: Task
    lease_id: str


@dataclass(frozen=True, slots=True)
class Full:
    """Of what no more may run now."""

    types: Sequence[str] = ()
    owners: Sequence[str] = ()


class Grants:
    def __init__(
        self, store: Store, publisher: Publisher, clock: Clock, worker: str, retry: RetryPolicy | None = None
    ) -> None:
        """`worker` names this process for people."""
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._worker = worker
        self._retry = retry or RetryPolicy()

    def take_next(self, full: Full | None = None) -> Grant | None:
        """Grant the next task that is due to this process, but none of what is `full`."""
        lease_id = str(uuid.uuid4())
        commit = self._store.write(lambda tx: self._take_next(tx, full or Full(), lease_id))
        return self._granted(commit, lease_id)

    def next_due(self) -> float | None:
        """Seconds until the next task becomes due; None when none waits for its time."""
        now = self._clock()
        due_at = self._store.read(lambda tx: tx.next_due(now))
        return (due_at - now).total_seconds() if due_at is not None else None

    def finish(
        self, grant: Grant, outcome: Outcome, artifact_dir: str | None, following: Full | None = None
    ) -> Grant | None:
        """Commit how the attempt ended; `StaleLease` when the task is no longer this grant's.

        With `following`, the next task that is due, but none of what is full, is granted in the same commit.
        """
        retry_at = self._clock() + self._retry.delay(grant.task.attempt, random.random())
        lease_id = str(uuid.uuid4())

        def finish(tx: Transaction) -> tuple[Commit, Commit | None]:
            end = self._finish(tx, grant, outcome, artifact_dir, retry_at)
            return end, None if following is None else self._take_next(tx, following, lease_id)

        end, commit = self._store.write(finish)
        self._publisher.ring(end)
        return self._granted(commit, lease_id)

    def took_effect(self, grant: Grant, state: str) -> None:
        """Commit that the worker has `paused` or is `running` again, and how long that took."""
        now = self._clock()
        try:
            commit = self._store.write(lambda tx: self._took_effect(tx, grant, Status(state), now))
        except StaleLease:
            metrics.STALE_REPORTS.inc()
            raise
        self._publisher.ring(commit)

    def recover(self) -> list[Task]:
        """Put back in the queue what an earlier process was working on; call it while no one works.

        A task that was being cancelled is cancelled, a paused one stays paused. Returns those changed.
        """
        commits = self._store.write(self._recover)
        for commit in commits:
            self._publisher.ring(commit)
        return [commit.task for commit in commits]

    def commands(self, task_ids: list[str]) -> dict[str, Task]:
        """The tasks as they stand, for passing their pending commands on."""
        found = self._store.read(lambda tx: [tx.task(task_id) for task_id in task_ids])
        return {task.id: task for task in found if task}

    def _took_effect(self, tx: Transaction, grant: Grant, status: Status, now: datetime) -> Commit:
        task = tx.task(grant.task.id)
        reached = Command.PAUSE if status is Status.PAUSED else Command.RESUME
        change = _status(status, "paused" if status is Status.PAUSED else "running again", grant.task.attempt)
        if task is not None and task.pending_command == reached:
            asked = tx.latest_event(task.id, (EventType.STATUS_CHANGE,), upto=task.last_seq)
            if asked is not None:  # the journal's last word on it: that it was asked for
                took = max(0.0, (now - asked.at).total_seconds())
                change = Draft(change.type, {**change.data, "took_seconds": round(took, 3)})

        def settled(it: Task) -> Task:
            return replace(it, pending_command=None) if it.pending_command == reached else it

        return self._publisher.within(tx, task, [change], grant.lease_id, also=settled)

    def _take_next(self, tx: Transaction, full: Full, lease_id: str) -> Commit | None:
        task = tx.next_pending(self._clock(), without_types=full.types, without_owners=full.owners)
        return self._take(tx, task, lease_id) if task is not None else None

    def _granted(self, commit: Commit | None, lease_id: str) -> Grant | None:
        if commit is None:
            return None
        self._publisher.ring(commit)
        return Grant(commit.task, lease_id)

    def _take(self, tx: Transaction, task: Task, lease_id: str) -> Commit:
        attempt = task.attempt + 1
        started = _status(Status.RUNNING, f"attempt {attempt} started", attempt)
        return self._publisher.within(
            tx,
            task,
            [started],
            also=lambda it: replace(
                it, attempt=attempt, lease_id=lease_id, worker=self._worker, error=None, due_at=None, stalled=False
            ),
        )

    def _finish(
        self, tx: Transaction, grant: Grant, outcome: Outcome, artifact_dir: str | None, retry_at: datetime
    ) -> Commit:
        task = tx.task(grant.task.id)
        again = outcome.ending is Ending.FAILED and grant.task.attempt < grant.task.max_attempts
        if outcome.ending in (Ending.LOST, Ending.PAUSED):
            drafts = [_left(task, outcome.ending)] if task is not None else []
        else:
            drafts = [_again(outcome, grant.task, retry_at)] if again else _ending(outcome, grant.task)
        ends = bool(drafts) and drafts[-1].terminal

        def leave(it: Task) -> Task:
            left: dict[str, Any] = {"lease_id": None, "pending_command": None}
            if outcome.ending in (Ending.LOST, Ending.PAUSED):
                left["attempt"] = max(0, it.attempt - 1)  # neither uses an attempt up
            if again:
                left["due_at"] = retry_at
            left |= {"artifact_dir": artifact_dir} if ends else {"worker": None}
            return replace(it, **left)

        return self._publisher.within(tx, task, drafts, grant.lease_id, also=leave)

    def _recover(self, tx: Transaction) -> list[Commit]:
        return [self._put_back(tx, task) for task in tx.with_status([Status.RUNNING, Status.PAUSED]) if task.lease_id]

    def _put_back(self, tx: Transaction, task: Task) -> Commit:
        change = _left(task, None)

        def released(it: Task) -> Task:
            # Nobody knows when its process ended.
            left = replace(it, worked_seconds=None) if it.working_since is not None else it
            return replace(left, lease_id=None, worker=None, pending_command=None, attempt=max(0, it.attempt - 1))

        return self._publisher.within(tx, task, [change], also=released)


def _ending(outcome: Outcome, task: Task) -> list[Draft]:
    attempt = task.attempt
    if outcome.ending is Ending.COMPLETED:
        data = {"status": str(Status.COMPLETED), "message": "completed", "attempt": attempt, "result": outcome.result}
        return [Draft(EventType.STATUS_CHANGE, data)]
    if outcome.ending is Ending.CANCELLED:
        return [_status(Status.CANCELLED, "cancelled", attempt)]
    failed = {"status": str(Status.FAILED), "error": outcome.error, "attempt": attempt}
    return [Draft(EventType.ERROR, {**failed, "traceback": outcome.traceback} if outcome.traceback else failed)]


_LEFT: dict[Ending | None, tuple[str, str]] = {
    Ending.PAUSED: ("paused: its worker is free for others", "resuming: waiting for a free worker"),
    Ending.LOST: ("paused: its worker ended with the server", "the server stopped: waiting for a free worker"),
    None: ("paused: its worker ended with the server", "the server was restarted: waiting for a free worker"),
}
"""By how the worker was left, None for a crash of the server: what a paused task says, and one that goes on."""


def _left(task: Task, ending: Ending | None) -> Draft:
    """What a task without its worker becomes: what was asked for meanwhile, or what it was."""
    paused, goes_on = _LEFT[ending]
    if task.pending_command == Command.CANCEL:
        return _status(Status.CANCELLED, "cancelled", task.attempt)
    if task.status is Status.PAUSED and task.pending_command != Command.RESUME:
        return _status(Status.PAUSED, paused, task.attempt)
    return _status(Status.PENDING, goes_on, task.attempt)


def _again(outcome: Outcome, task: Task, retry_at: datetime) -> Draft:
    failed = _status(Status.PENDING, f"attempt {task.attempt} failed: trying again soon", task.attempt)
    return Draft(EventType.STATUS_CHANGE, {**failed.data, "error": outcome.error, "retry_at": rfc3339(retry_at)})


def _status(status: Status, message: str, attempt: int) -> Draft:
    return Draft(EventType.STATUS_CHANGE, {"status": str(status), "message": message, "attempt": attempt})
