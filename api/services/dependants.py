"""Dependants: what the end of a task does to those that wait for it.

All of it happens in the transaction of that end, up to `STEPS` tasks; the rest is left as a continuation,
which is stored in the same transaction and done by `FollowUp`. A chain is walked by continuations too:
a dependant that is cancelled leaves one for its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api.domain.dependency import Continuation, Follow, OnParentFailure, redirected, refers
from api.domain.event import Draft, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Clock, Transaction
from api.services.commit import Commit, append

STEPS = 64
"""Dependants per transaction: some 5 ms of the writer's time, in which everybody's commits wait."""
NAMED = 20
KINDS = (Follow.SETTLE, Follow.REPLACE)


class Dependants:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def ended(self, tx: Transaction, task: Task) -> tuple[list[Commit], bool]:
        """Go on with those that depend on `task`; (commits, whether there were any)."""
        if task.waiting_on:
            tx.drop_dependencies(task.id)  # cancelled before it could start
        return self._begin(tx, Continuation(Follow.SETTLE, task.id))

    def replaced(self, tx: Transaction, old_id: str, new_id: str) -> tuple[list[Commit], bool]:
        """The same for a task that did not complete and is retried as another one."""
        return self._begin(tx, Continuation(Follow.REPLACE, old_id, new_id))

    def _begin(self, tx: Transaction, todo: Continuation) -> tuple[list[Commit], bool]:
        if not tx.dependants(todo.subject, limit=1):
            return [], False
        tx.defer(todo)
        return self.work(tx), True

    def work(self, tx: Transaction) -> list[Commit]:
        """Do a little of what is left to be done, what was left first before the rest."""
        commits: list[Commit] = []
        steps = STEPS
        while steps > 0 and (todo := next(iter(tx.continuations(KINDS, limit=1)), None)):
            children = tx.dependants(todo.subject, after=todo.after, limit=steps)
            parent = tx.task(todo.subject)
            for child_id in children:
                commits += self._tell(tx, todo, parent, tx.task(child_id))
            if len(children) < steps:
                tx.done(todo)
            else:
                tx.advance(todo, children[-1])
            steps -= max(1, len(children))
        return commits

    def _tell(self, tx: Transaction, todo: Continuation, parent: Task | None, child: Task | None) -> Sequence[Commit]:
        if child is None or child.terminal or todo.subject not in child.waiting_on:
            return []
        completed = parent is not None and parent.status is Status.COMPLETED
        if todo.kind is Follow.REPLACE:
            return [] if completed else [self._replace(tx, child, todo.subject, todo.other)]
        if completed:
            return self._release(tx, child, todo.subject)
        return [self._fail(tx, child, todo.subject, parent)]

    def _release(self, tx: Transaction, child: Task, parent_id: str) -> list[Commit]:
        rest = tuple(other for other in child.waiting_on if other != parent_id)
        if rest:
            child = replace(child, waiting_on=rest)
            return [
                append(tx, child, [waits(child, f"waiting for {counted(len(rest))} that it depends on")], self._clock())
            ]
        if refers(child.params):  # to be checked by the workload: not in the writer's thread
            tx.defer(Continuation(Follow.RESOLVE, child.id))
            return []
        return [release(tx, child, self._clock)]

    def _fail(self, tx: Transaction, child: Task, parent_id: str, parent: Task | None) -> Commit:
        end = "has failed" if parent is not None and parent.status is Status.FAILED else "was cancelled"
        which = f"{parent.name!r} ({parent_id})" if parent is not None and parent.name else parent_id
        reason = f"the task {which}, which this one depends on, {end}"
        if child.on_parent_failure is OnParentFailure.WAIT:
            return append(tx, child, [waits(child, f"{reason}: waiting for its retry")], self._clock())
        data = {"status": str(Status.CANCELLED), "message": reason, "attempt": child.attempt, "parent": parent_id}
        commit = append(tx, child, [Draft(EventType.STATUS_CHANGE, data)], self._clock())
        tx.drop_dependencies(child.id)
        if tx.dependants(child.id, limit=1):
            tx.defer(Continuation(Follow.SETTLE, child.id))
        return commit

    def _replace(self, tx: Transaction, child: Task, old_id: str, new_id: str) -> Commit:
        def swapped(ids: Sequence[str]) -> tuple[str, ...]:
            return tuple(dict.fromkeys(new_id if each == old_id else each for each in ids))

        child = replace(
            child,
            depends_on=swapped(child.depends_on),
            waiting_on=swapped(child.waiting_on),
            params=redirected(child.params, old_id, new_id),
        )
        tx.save_task(child)
        tx.depend(child, new_id)
        return append(tx, child, [waits(child, f"waiting for the task {new_id}, the retry of {old_id}")], self._clock())


def release(tx: Transaction, child: Task, clock: Clock) -> Commit:
    """All that it waited for has completed: it is due."""
    tx.drop_dependencies(child.id)
    child = replace(child, waiting_on=())
    return append(tx, child, [waits(child, "what it depends on has completed: waiting for a free worker")], clock())


def waits(task: Task, message: str) -> Draft:
    """The change of whom `task` waits for; they are named when they are few."""
    data: dict[str, Any] = {"status": str(task.status), "message": message, "attempt": task.attempt}
    if len(task.waiting_on) <= NAMED:
        data["waiting_on"] = list(task.waiting_on)
    return Draft(EventType.STATUS_CHANGE, data)


def counted(tasks: int) -> str:
    return "one task" if tasks == 1 else f"{tasks} tasks"
