"""Follow-up: does what transactions have left to be done, in a background thread, a little per transaction.

Everything that it does is stored before and taken off the list in the same transaction: a process that is
killed loses nothing and does nothing twice, and several processes may do it side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from api import metrics
from api.domain.dependency import MARK, Continuation, Follow, references, refers, resolved
from api.domain.estimate import size_of
from api.domain.event import Draft, EventType
from api.domain.lifecycle import Command, Status
from api.domain.permission import Principal, Role
from api.domain.task import Task
from api.domain.workload import Workload
from api.errors import InvalidInput
from api.log import get_logger
from api.ports import Clock, Store, Transaction
from api.runtime.base import Runtime
from api.services.commit import Commit
from api.services.control import Controller
from api.services.dependants import KINDS, STEPS, release
from api.services.loop import NudgedLoop
from api.services.publish import Publisher
from api.services.submit import Check

_log = get_logger(__name__)
POLL_SECONDS = 1.0
"""How soon is noticed what another process left; our own wake it at once."""
RESOLVED_TOGETHER = 16
PARAMS_MAX = 1024 * 1024
"""Characters of params as JSON, results included: what a request could have brought."""


@dataclass(frozen=True, slots=True)
class _Resolution:
    """What came of putting results into the params of a task; `error` is a sentence."""

    todo: Continuation
    params: Mapping[str, Any] | None = None
    error: str = ""


class FollowUp(NudgedLoop):
    name = "follow_up"
    retry_seconds = POLL_SECONDS

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        controller: Controller,
        clock: Clock,
        runtime: Runtime,
        workloads: Mapping[str, Workload],
        check: Check,
        wake: Callable[[], None],
    ) -> None:
        """`wake` tells the dispatcher that tasks may be due."""
        super().__init__(runtime)
        self._store = store
        self._publisher = publisher
        self._controller = controller
        self._clock = clock
        self._workloads = workloads
        self._check = check
        self._wake = wake
        publisher.follow_up = self.wake

    def wake(self) -> None:
        """A commit may have made tasks due, or left something to be done; from any thread."""
        self._wake()
        super().wake()

    def step(self) -> float:
        while not self._leaving and self.some():
            self._wake()
        return POLL_SECONDS

    def some(self) -> bool:
        """Do one transaction's worth of each kind; False when there was nothing to do."""
        left = self._store.read(lambda tx: {each.kind for each in tx.continuations(tuple(Follow), limit=STEPS)})
        if not left:
            return False
        if left & set(KINDS):
            self._ring(self._store.write(self._publisher.dependants.work))
        if Follow.RESOLVE in left:
            self._resolve()
        if Follow.CANCEL_BATCH in left:
            self._ring(self._store.write(self._cancel_some))
        return True

    def _ring(self, commits: list[Commit]) -> None:
        for commit in commits:
            self._publisher.ring(commit)

    # -- results as params

    def _resolve(self) -> None:
        todo = self._store.read(_to_resolve)
        done = [
            _Resolution(each) if child is None else self._resolution(each, child, results)
            for each, child, results in todo
        ]
        self._ring(self._store.write(lambda tx: [commit for each in done for commit in self._resolved(tx, each)]))

    def _resolution(self, todo: Continuation, child: Task, results: Mapping[str, Any]) -> _Resolution:
        workload = self._workloads.get(child.type)
        if workload is None:
            return _Resolution(todo, error=f"this server has no workload of the type {child.type!r}")
        try:
            return _Resolution(todo, self._check(workload, _filled(child, results), child.owner))
        except InvalidInput as error:
            return _Resolution(todo, error=f"its params do not fit, with the results put in: {error.message}")
        except Exception as error:  # noqa: BLE001  one task must not hold up the others; counted, logged, shown
            metrics.failure("resolve_broken")
            _log.exception("resolve_broken", task_id=child.id)
            return _Resolution(todo, error=f"its params cannot be made ({type(error).__name__})")

    def _resolved(self, tx: Transaction, resolution: _Resolution) -> list[Commit]:
        tx.done(resolution.todo)
        child = tx.task(resolution.todo.subject)
        if child is None or child.terminal or not child.waiting_on:
            return []
        if resolution.params is None:
            data = {"status": str(Status.FAILED), "error": resolution.error, "attempt": child.attempt}
            return [self._publisher.within(tx, child, [Draft(EventType.ERROR, data)])]
        size = size_of(self._workloads[child.type], resolution.params, child.name)
        child = replace(child, params=resolution.params, size=size)
        tx.save_task(child)
        return [release(tx, child, self._clock)]

    # -- batches

    def _cancel_some(self, tx: Transaction) -> list[Commit]:
        todo = next(iter(tx.continuations((Follow.CANCEL_BATCH,), limit=1)), None)
        if todo is None:
            return []
        return cancel_some(tx, self._controller, todo)


def cancel_some(tx: Transaction, controller: Controller, todo: Continuation) -> list[Commit]:
    """Cancel the next tasks of a batch; `other` of `todo` is the batch's owner."""
    tasks = tx.batch_tasks(todo.subject, after=todo.after, limit=STEPS)
    owner = Principal(todo.other, Role.OPERATOR)
    # Each is looked at anew: the one before may have taken it along.
    live = (task.id for task in tasks if (now := tx.task(task.id)) and not now.terminal)
    commits = [controller.within(tx, owner, task_id, Command.CANCEL) for task_id in live]
    if len(tasks) < STEPS:
        tx.done(todo)
    else:
        tx.advance(todo, tasks[-1].id)
    return commits


def _to_resolve(tx: Transaction) -> list[tuple[Continuation, Task | None, dict[str, Any]]]:
    """Each with its task, None where there is nothing to do any more, and its parents' results by id."""
    return [
        (todo, *_with_results(tx, todo.subject))
        for todo in tx.continuations((Follow.RESOLVE,), limit=RESOLVED_TOGETHER)
    ]


def _filled(child: Task, results: Mapping[str, Any]) -> dict[str, Any]:
    params = resolved(child.params, results)
    if refers(params):
        raise InvalidInput(f"the results have {MARK!r} in them, and would be taken for references when it is retried")
    if len(json.dumps(params)) > PARAMS_MAX:
        raise InvalidInput("they are larger than 1 MiB in all")
    return params


def _with_results(tx: Transaction, task_id: str) -> tuple[Task | None, dict[str, Any]]:
    child = tx.task(task_id)
    if child is None or child.terminal:
        return None, {}
    parents = (tx.task(parent_id) for parent_id in {str(each.target) for each in references(child.params)})
    return child, {parent.id: parent.result for parent in parents if parent is not None}
