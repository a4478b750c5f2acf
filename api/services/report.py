"""Reports from outside: the events of external tasks, appended by their owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.access.principals import require
from api.domain.event import Draft
from api.domain.event_data import draft
from api.domain.permission import Action, Principal
from api.domain.workload import Workload
from api.errors import Conflict, Flaw, InvalidInput
from api.ports import Store, Transaction
from api.services.publish import Commit, Publisher
from api.services.query import visible

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
        return commit

    def _append(self, tx: Transaction, principal: Principal, task_id: str, sent: Sequence[Sent]) -> Commit:
        task = visible(tx, principal, task_id)
        require(principal, Action.REPORT, task)
        workload = self._workloads.get(task.type)
        if workload is None or not workload.external:
            raise Conflict(f"this server runs the task itself (type {task.type}): only external ones are reported")
        if task.terminal:
            raise Conflict(f"the task has ended ({task.status}): nothing can be added to it")
        drafts = [_draft(index, one, task.attempt) for index, one in enumerate(sent)]
        return self._publisher.within(tx, task, drafts)


def _draft(index: int, sent: Sent, attempt: int) -> Draft:
    try:
        return draft(sent[0], sent[1], attempt=attempt)
    except InvalidInput as error:
        raise InvalidInput(flaws=[Flaw((index, *flaw.loc), flaw.msg) for flaw in error.flaws]) from None
