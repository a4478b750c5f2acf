"""Batches: many tasks submitted together, all or none, looked at and cancelled together."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from api.access.principals import require
from api.domain.batch import Batch, BatchState
from api.domain.dependency import MARK, Continuation, Follow, cycle, references, substituted
from api.domain.permission import Action, Principal, allows
from api.domain.task import Task
from api.errors import Conflict, Flaw, InvalidInput, NotFound
from api.ports import Clock, IdempotentRequest, Store, Transaction
from api.runtime.base import Runtime
from api.services.commit import Commit
from api.services.control import Controller
from api.services.entry import enter
from api.services.follow_up import FollowUp, cancel_some
from api.services.publish import Publisher
from api.services.submit import Submission, Submitter

FLAWS_MAX = 50
PAUSE_EVERY = 50
"""Tasks that are made ready between two turns of the hub: 1 ms."""

Key = str | int
"""A task of the same batch, by its `ref` or its number, or an older one by its id."""


@dataclass(frozen=True, slots=True)
class Member:
    """One task of a batch to be. `depends_on`, and references in the params, name fellows or older tasks."""

    submission: Submission
    ref: str | None = None
    depends_on: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Submitted:
    """A batch, and the ids of its tasks in the order in which they were sent."""

    batch: Batch
    task_ids: tuple[str, ...]
    new: bool


class Batches:
    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        runtime: Runtime,
        submitter: Submitter,
        controller: Controller,
        follow_up: FollowUp,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._runtime = runtime
        self._submitter = submitter
        self._controller = controller
        self._follow_up = follow_up

    def submit(
        self, principal: Principal, members: Sequence[Member], name: str, *, idempotency_key: str | None = None
    ) -> Submitted:
        """All of them, or `InvalidInput` that names what is wrong by the task's number; `Conflict` for a key
        that stands for another request. A key is good for 7 days, if the first task of its batch is kept so long."""
        require(principal, Action.SUBMIT)
        batch = Batch(str(uuid.uuid4()), principal.user, self._clock(), name, len(members))
        tasks = self._drafts(principal, batch, members)
        fingerprint = _fingerprint(name, members) if idempotency_key is not None else ""
        submitted, commits = self._store.write(
            lambda tx: self._insert(tx, principal, batch, tasks, idempotency_key, fingerprint)
        )
        self._ring(commits)
        if commits:
            self._follow_up.wake()
        return submitted

    def view(self, principal: Principal, batch_id: str) -> BatchState:
        return self._store.read(lambda tx: _visible(tx, principal, batch_id))

    def cancel(self, principal: Principal, batch_id: str) -> BatchState:
        """Cancel whatever has not ended: the first at once, the rest in the background; asking again is no error."""

        def begin(tx: Transaction) -> tuple[BatchState, list[Commit]]:
            state = _visible(tx, principal, batch_id)
            require(principal, Action.CONTROL, state.batch)
            if not state.live:
                return state, []
            tx.defer(Continuation(Follow.CANCEL_BATCH, batch_id, state.batch.owner))
            todo = tx.continuations((Follow.CANCEL_BATCH,), limit=1)[0]
            commits = cancel_some(tx, self._controller, todo)
            return _visible(tx, principal, batch_id), commits

        state, commits = self._store.write(begin)
        self._ring(commits)
        self._follow_up.wake()
        return state

    def _ring(self, commits: Sequence[Commit]) -> None:
        for number, commit in enumerate(commits, 1):
            self._publisher.ring(commit)
            if number % PAUSE_EVERY == 0:
                self._runtime.sleep(0)

    def _insert(
        self,
        tx: Transaction,
        principal: Principal,
        batch: Batch,
        tasks: Sequence[Task],
        key: str | None,
        fingerprint: str,
    ) -> tuple[Submitted, list[Commit]]:
        if key is not None and (known := _known(tx, batch.owner, key, fingerprint)):
            return known, []
        tx.add_batch(batch)
        commits = enter(tx, principal, tasks, self._clock, lambda number: ("tasks", number))
        if key is not None:
            tx.remember(batch.owner, key, IdempotentRequest(fingerprint, tasks[0].id), batch.created_at)
        return Submitted(batch, tuple(task.id for task in tasks), new=True), commits

    def _drafts(self, principal: Principal, batch: Batch, members: Sequence[Member]) -> list[Task]:
        """The tasks, none in the journal yet; equal params are checked once."""
        names = _Names(members)
        checked: dict[tuple[str, str], Mapping[str, Any]] = {}
        tasks: list[Task] = []
        flaws: list[Flaw] = []
        parents: list[list[int]] = []
        for number, member in enumerate(members):
            if number % PAUSE_EVERY == PAUSE_EVERY - 1:
                self._runtime.sleep(0)
            try:
                submission, fellows = names.linked(member)
                parents.append(fellows)
                same = (submission.type, json.dumps(submission.params))
                task = self._submitter.draft(principal, submission, checked=checked.get(same))
                checked[same] = task.params
                # One after the other, as they were sent: in the queue and in lists.
                created_at = batch.created_at + timedelta(microseconds=number)
                tasks.append(replace(task, id=names.ids[number], created_at=created_at, batch_id=batch.id))
            except InvalidInput as error:
                flaws += _placed(number, error)
                if len(flaws) >= FLAWS_MAX:
                    break
        if not flaws:
            flaws = names.round(parents)
        if flaws:
            raise InvalidInput(flaws=flaws[:FLAWS_MAX])
        return tasks


class _Names:
    """What the tasks of one batch are called within it, and the ids that they get."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.ids = [str(uuid.uuid4()) for _ in members]
        self._refs: dict[str, int] = {}
        twice = []
        for number, member in enumerate(members):
            if member.ref is not None and self._refs.setdefault(member.ref, number) != number:
                twice.append(
                    Flaw(("tasks", number, "ref"), f"{member.ref!r} is the ref of task {self._refs[member.ref]}")
                )
        if twice:
            raise InvalidInput(flaws=twice[:FLAWS_MAX])

    def linked(self, member: Member) -> tuple[Submission, list[int]]:
        """The submission with ids for the names of its fellows, and the numbers of those that it depends on."""
        submission = member.submission
        found = references(submission.params) if MARK in json.dumps(submission.params) else []
        if not member.depends_on and not found:
            return submission, []
        keys = [*member.depends_on, *(each.target for each in found)]
        fellows = [fellow for key in keys if (fellow := self._fellow(key)) is not None]
        return (
            replace(
                submission,
                depends_on=tuple(self._id(key) for key in member.depends_on),
                params=substituted(submission.params, lambda each: each | {MARK: self._id(each[MARK])}),
            ),
            fellows,
        )

    def round(self, parents: Sequence[Sequence[int]]) -> list[Flaw]:
        """What is wrong when tasks depend on each other in a circle."""
        found = cycle(parents)
        if not found:
            return []
        shown = " → ".join(str(number) for number in [*found[:10], *(["…"] if len(found) > 10 else []), found[0]])
        message = f"the tasks {shown} depend on each other in a cycle: none could ever start"
        return [Flaw(("tasks", found[0], "depends_on"), message)]

    def _fellow(self, key: Key) -> int | None:
        if isinstance(key, str):
            return self._refs.get(key)
        if not 0 <= key < len(self.ids):
            raise InvalidInput(flaws=[Flaw(("depends_on",), f"there is no task number {key} in this batch")])
        return key

    def _id(self, key: Key) -> str:
        fellow = self._fellow(key)
        return str(key) if fellow is None else self.ids[fellow]


def _placed(number: int, error: InvalidInput) -> list[Flaw]:
    return [Flaw(("tasks", number, *flaw.loc), flaw.msg) for flaw in error.flaws]


def _fingerprint(name: str, members: Sequence[Member]) -> str:
    values = [name, *([each.submission.fingerprint(), each.ref, each.depends_on] for each in members)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _known(tx: Transaction, owner: str, key: str, fingerprint: str) -> Submitted | None:
    """The batch that the key stands for already."""
    earlier = tx.idempotent(owner, key)
    first = tx.task(earlier.task_id) if earlier else None
    if earlier is None or first is None:
        return None
    state = tx.batch(first.batch_id) if first.batch_id else None
    if earlier.body_hash != fingerprint or state is None:
        raise Conflict("this Idempotency-Key was used for another request")
    return Submitted(state.batch, tuple(tx.batch_task_ids(state.batch.id)), new=False)


def _visible(tx: Transaction, principal: Principal, batch_id: str) -> BatchState:
    state = tx.batch(batch_id)
    if state is None or not allows(principal, Action.VIEW, state.batch):
        raise NotFound("There is no such batch.")
    return state
