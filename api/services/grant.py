"""Grants: who works on which task. Each one is a lease; a report under an older lease is refused."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
class Limits:
    """How many tasks of one type, and of one owner, may hold a worker at once."""

    per_type: Mapping[str, int] = field(default_factory=dict)
    """By type; one that is not in it has no limit of its own."""
    per_owner: int | None = None

    def reached(self, held: Sequence[Task]) -> tuple[list[str], list[str]]:
        """(types, owners) of which no more may run beside `held`."""
        types, owners = Counter(task.type for task in held), Counter(task.owner for task in held)
        full = [name for name, most in self.per_type.items() if types[name] >= most]
        most = self.per_owner
        return full, [] if most is None else [name for name, count in owners.items() if count >= most]


class Grants:
    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        worker: str,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`worker` names this process for people."""
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._worker = worker
        self._retry = retry or RetryPolicy()
        self._limits = limits or Limits()

    def take(self, most: int) -> tuple[list[Grant], float | None]:
        """Grant the tasks that are next, `most` of them if so many are due and within the limits.

        If not, it is also said in how many seconds another one becomes due; None when none waits for its time.
        """
        commits, due_in = self._store.write(lambda tx: self._take(tx, most))
        return [self._granted(commit) for commit in commits], due_in

    def finish(
        self, grant: Grant, outcome: Outcome, artifact_dir: str | None, *, followed: bool = False
    ) -> Grant | None:
        """Commit how the attempt ended; `StaleLease` when the task is no longer this grant's.

        When it is to be `followed`, the next task that is due is granted in the same commit.
        """
        retry_at = self._clock() + self._retry.delay(grant.task.attempt, random.random())

        def finish(tx: Transaction) -> tuple[Commit, Commit | None]:
            end = self._finish(tx, grant, outcome, artifact_dir, retry_at)
            return end, self._take_next(tx) if followed else None

        end, commit = self._store.write(finish)
        self._publisher.ring(end)
        return self._granted(commit) if commit is not None else None

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

    def _take(self, tx: Transaction, most: int) -> tuple[list[Commit], float | None]:
        commits: list[Commit] = []
        while len(commits) < most:
            commit = self._take_next(tx)
            if commit is None:
                return commits, self._due_in(tx)
            commits.append(commit)
        return commits, None

    def _due_in(self, tx: Transaction) -> float | None:
        now = self._clock()
        due_at = tx.next_due(now)
        return (due_at - now).total_seconds() if due_at is not None else None

    def _granted(self, commit: Commit) -> Grant:
        self._publisher.ring(commit)
        return Grant(commit.task, commit.task.lease_id or "")

    def _take_next(self, tx: Transaction) -> Commit | None:
        # Counted here and not by who asks: two that ask at once would both find the last place free.
        limited = self._limits.per_type or self._limits.per_owner is not None
        types, owners = self._limits.reached(tx.held()) if limited else ((), ())
        task = tx.next_pending(self._clock(), without_types=types, without_owners=owners)
        if task is None:
            return None
        lease_id = str(uuid.uuid4())
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
