"""Reports from outside: the events of external tasks, appended by their owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.access.principals import require
from api.domain.event import Draft
from api.domain.event_data import draft
from api.domain.permission import Action, Principal
from api.domain.task import Task
from api.domain.workload import Workload
from api.errors import Conflict, Flaw, InvalidInput
from api.ports import Store, Transaction
from api.services.publish import Commit, Publisher
from api.services.query import visible
from api.services.silence import stall

Sent = tuple[str, Mapping[str, Any]]
"""(event_type, data) as a client sent it."""


class ExternalReports:
    def __init__(self, store: Store, publisher: Publisher, workloads: Mapping[str, Workload]) -> None:
        self._store = store
        self._publisher = publisher
        self._workloads = workloads

    def report(self, principal: Principal, task_id: str, sent: Sequence[Sent]) -> Commit:
        """Commit all of them in order, or none.

        `InvalidInput` names the wrong one by its index; `Conflict` for a task that has ended or is not
        external; `NotFound`.
        """
        commit = self._store.write(lambda tx: self._append(tx, principal, task_id, sent))
        self._publisher.ring(commit)
        return replace(commit, events=commit.events[-len(sent) :])

    def heartbeat(self, principal: Principal, task_id: str) -> Task:
        """The reporter lives, and has nothing to say. Writes an event only where that ends a stall.

        `Conflict` for a task that has ended or is not external; `NotFound`.
        """
        commit = self._store.write(lambda tx: self._hear(tx, principal, task_id))
        self._publisher.ring(commit)
        return commit.task

    def _hear(self, tx: Transaction, principal: Principal, task_id: str) -> Commit:
        task = self._reported(tx, principal, task_id)
        if task.stalled:
            return self._publisher.within(tx, task, _return(task), also=self._publisher.heard)
        alive = self._publisher.heard(task)
        tx.save_task(alive)
        return Commit(alive, ())

    def _append(self, tx: Transaction, principal: Principal, task_id: str, sent: Sequence[Sent]) -> Commit:
        task = self._reported(tx, principal, task_id)
        drafts = [_draft(index, one, task.attempt) for index, one in enumerate(sent)]
        return self._publisher.within(tx, task, [*_return(task), *drafts], also=self._publisher.heard)

    def _reported(self, tx: Transaction, principal: Principal, task_id: str) -> Task:
        """The task, if `principal` may report it now."""
        task = visible(tx, principal, task_id)
        require(principal, Action.REPORT, task)
        workload = self._workloads.get(task.type)
        if workload is None or not workload.external:
            raise Conflict(f"this server runs the task itself (type {task.type}): only external ones are reported")
        if task.terminal:
            raise Conflict(f"the task has ended ({task.status}): nothing can be added to it")
        return task


def _return(task: Task) -> list[Draft]:
    return [stall(task, "its reporter is heard of again", stalled=False)] if task.stalled else []


def _draft(index: int, sent: Sent, attempt: int) -> Draft:
    try:
        return draft(sent[0], sent[1], attempt=attempt)
    except InvalidInput as error:
        raise InvalidInput(flaws=[Flaw((index, *flaw.loc), flaw.msg) for flaw in error.flaws]) from None
