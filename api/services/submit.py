"""Submit: a checked request becomes a pending task, once per idempotency key."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from api.access.principals import require
from api.domain.dependency import OnParentFailure, references
from api.domain.estimate import size_of
from api.domain.event import rfc3339
from api.domain.lifecycle import Status
from api.domain.merge_patch import patched
from api.domain.permission import Action, Principal
from api.domain.task import Task
from api.domain.workload import Workload
from api.errors import Conflict, Flaw, InvalidInput, NotFound
from api.ports import Clock, IdempotentRequest, Store, Transaction
from api.services.entry import enter
from api.services.publish import Commit, Publisher


class Check(Protocol):
    def __call__(
        self, workload: Workload, params: Mapping[str, Any], owner: str, /, later: Collection[str] = ()
    ) -> dict[str, Any]:
        """Valid params with defaults filled in, `InvalidInput` for others; `owner` may name files of its own.

        When there are fields whose values come `later`, what is wrong whatever they will be is refused, and
        nothing is filled in."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client asks for. `params` are as sent; the workload's own model checks them."""

    type: str
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0
    max_attempts: int = 1
    timeout_seconds: float | None = None
    run_at: datetime | None = None
    retry_of: str | None = None
    depends_on: tuple[str, ...] = ()
    """Ids of tasks. Those whose results `params` refer to need not be among them."""
    on_parent_failure: OnParentFailure = OnParentFailure.CANCEL
    batch_id: str | None = None
    schedule_id: str | None = None

    def fingerprint(self) -> str:
        """The same for the same request, whatever the order of its keys."""
        values = [self.type, self.params, self.name, self.tags, self.priority, self.max_attempts, self.timeout_seconds]
        if self.run_at is not None:
            values.append(rfc3339(self.run_at))
        if self.depends_on:
            values += [self.depends_on, self.on_parent_failure]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Edits:
    """What is to be different when a task is run again; None: as it was."""

    params: Mapping[str, Any] | None = None
    """A merge patch (RFC 7396) of the old ones."""
    name: str | None = None
    tags: tuple[str, ...] | None = None
    priority: int | None = None
    max_attempts: int | None = None
    timeout_seconds: float | None = None


_AS_IT_WAS = Edits()


class Submitter:
    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        workloads: Mapping[str, Workload],
        check: Check,
        wake: Callable[[], None],
        copy_checkpoint: Callable[[str, str], bool],
    ) -> None:
        """`check` validates params against a workload's model; `wake` tells the dispatcher of new work;
        `copy_checkpoint` gives one task's checkpoint to another, if there is one."""
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._workloads = workloads
        self._check = check
        self._wake = wake
        self._copy_checkpoint = copy_checkpoint

    def submit(
        self, principal: Principal, submission: Submission, *, idempotency_key: str | None = None
    ) -> tuple[Task, bool]:
        """(task, whether it is new). `InvalidInput` names each wrong param; `Conflict` when the key
        stands for another request."""
        require(principal, Action.SUBMIT)
        task = self.draft(principal, submission)
        return self._enter(principal, task, idempotency_key, submission.fingerprint())

    def _enter(
        self, principal: Principal, task: Task, idempotency_key: str | None, fingerprint: str
    ) -> tuple[Task, bool]:
        # The dispatcher asks for work at once: its look comes next after this write, and finds the task.
        known, commit = self._store.write(
            lambda tx: self._insert(tx, principal, task, idempotency_key, fingerprint), queued=self._wake
        )
        if commit is None:
            return known, False
        self._publisher.ring(commit)
        return known, True

    def retry(
        self, principal: Principal, task_id: str, *, from_checkpoint: bool = False, edits: Edits = _AS_IT_WAS
    ) -> Task:
        """An ended task run again, as a new one with some edits; it may start from the old one's last checkpoint.

        `Conflict` for a task that has not ended, has no checkpoint to start from, or runs elsewhere;
        `InvalidInput` names each wrong param.
        """
        old = self._store.read(lambda tx: tx.task(task_id))
        if old is None:
            raise NotFound()
        require(principal, Action.CONTROL, old)
        if not old.terminal:
            raise Conflict(f"a {old.status} task cannot be retried: it has not ended")
        if old.type in self._workloads and self._workloads[old.type].external:
            raise Conflict("an external task is run by whoever reports it: start it there again")
        again = _again(old, edits)
        return self._submit_from(principal, again, old) if from_checkpoint else self.submit(principal, again)[0]

    def _submit_from(self, principal: Principal, again: Submission, old: Task) -> Task:
        require(principal, Action.SUBMIT)
        task = self.draft(principal, again)
        if not self._copy_checkpoint(old.id, task.id):
            raise Conflict("the task has left no checkpoint: retry it without from_checkpoint")
        return self._enter(principal, task, None, again.fingerprint())[0]

    def draft(self, principal: Principal, submission: Submission, *, checked: Mapping[str, Any] | None = None) -> Task:
        """The task that the submission asks for, not in the journal yet; `checked` spares the check of its params."""
        workload = self._workloads.get(submission.type)
        if workload is None:
            known = ", ".join(sorted(self._workloads)) or "none"
            raise InvalidInput(flaws=[Flaw(("type",), f"unknown type {submission.type!r:.80}: one of {known}")])
        elsewhere = workload.external
        if elsewhere and submission.run_at is not None:
            raise InvalidInput(flaws=[Flaw(("run_at",), "an external task is run by whoever reports it")])
        found = references(submission.params)
        depends_on = tuple(dict.fromkeys([*submission.depends_on, *(str(each.target) for each in found)]))
        if elsewhere and depends_on:
            raise InvalidInput(flaws=[Flaw(("depends_on",), "an external task is not started here: it cannot wait")])
        if checked is None:
            checked = self._check(workload, submission.params, principal.user, {str(each.loc[0]) for each in found})
        now = self._clock()
        return Task(
            status=Status.RUNNING if elsewhere else Status.PENDING,
            attempt=1 if elsewhere else 0,
            id=str(uuid.uuid4()),
            type=submission.type,
            owner=principal.user,
            created_at=now,
            heard_at=now if elsewhere else None,
            params=checked,
            size=size_of(workload, checked, submission.name),
            name=submission.name,
            tags=submission.tags,
            priority=submission.priority,
            max_attempts=submission.max_attempts,
            timeout_seconds=submission.timeout_seconds,
            run_at=submission.run_at,
            due_at=submission.run_at if submission.run_at is not None and submission.run_at > now else None,
            retry_of=submission.retry_of,
            batch_id=submission.batch_id,
            schedule_id=submission.schedule_id,
            depends_on=depends_on,
            on_parent_failure=submission.on_parent_failure,
        )

    def _insert(
        self, tx: Transaction, principal: Principal, task: Task, key: str | None, fingerprint: str
    ) -> tuple[Task, Commit | None]:
        if key is not None:
            earlier = tx.idempotent(task.owner, key)
            known = tx.task(earlier.task_id) if earlier else None
            if earlier and known:
                if earlier.body_hash != fingerprint:
                    raise Conflict("this Idempotency-Key was used for another request")
                return known, None
        (commit,) = enter(tx, principal, [task], self._clock)
        if key is not None:
            tx.remember(task.owner, key, IdempotentRequest(fingerprint, task.id), task.created_at)
        if task.retry_of is not None:
            others, follow_up = self._publisher.dependants.replaced(tx, task.retry_of, task.id)
            commit = replace(commit, others=tuple(others), follow_up=commit.follow_up or follow_up)
        return commit.task, commit


def _again(old: Task, edits: Edits) -> Submission:
    def chosen(name: str) -> Any:
        edit = getattr(edits, name)
        return getattr(old, name) if edit is None else edit

    return Submission(
        type=old.type,
        params=old.params if edits.params is None else patched(old.params, edits.params),
        name=chosen("name"),
        tags=chosen("tags"),
        priority=chosen("priority"),
        max_attempts=chosen("max_attempts"),
        timeout_seconds=chosen("timeout_seconds"),
        retry_of=old.id,
        depends_on=old.depends_on if old.waiting_on else (),
        on_parent_failure=old.on_parent_failure,
    )
