"""Devices: tasks that a user's devices run themselves, each under an integer of the device's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.access.principals import require
from api.domain.device_task import DeviceTask
from api.domain.lifecycle import TERMINAL, Status
from api.domain.permission import Action, Principal
from api.domain.task import Task
from api.errors import NotFound
from api.ports import Clock, Store, TaskFilter, Transaction
from api.services.entry import enter
from api.services.publish import Commit, Publisher
from api.services.report import ExternalReports, Sent
from api.services.submit import Submission, Submitter

TYPE = "external"
_ACTIVE = [status for status in Status if status not in TERMINAL]

Named = tuple[Task, DeviceTask | None]
"""A task, and what its device calls it, where a device runs it."""


@dataclass(frozen=True, slots=True)
class Creation:
    """What a device says of a task that it begins."""

    client_id: int
    params: Mapping[str, Any]
    mode: str
    start_ms: int
    server_task_id: str = ""


class Devices:
    def __init__(
        self, store: Store, publisher: Publisher, clock: Clock, submitter: Submitter, reports: ExternalReports
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._submitter = submitter
        self._reports = reports

    def create(self, principal: Principal, device: str, creation: Creation) -> Task:
        """The task that the device calls so: a new one, unless one that it called so has not ended yet.

        `InvalidInput` names each wrong param.
        """
        require(principal, Action.SUBMIT)
        name = creation.mode if creation.mode != TYPE else ""
        task = self._submitter.draft(principal, Submission(TYPE, creation.params, name))
        entry = DeviceTask(
            task.owner, device, creation.client_id, task.id, creation.mode, creation.start_ms, creation.server_task_id
        )
        commit = self._store.write(lambda tx: self._enter(tx, principal, task, entry))
        self._publisher.ring(commit)
        return commit.task

    def report(self, principal: Principal, device: str, client_id: int, sent: Sequence[Sent]) -> Commit:
        """Commit all of them in order, or none. `NotFound` for what is no task of this device, `Conflict` for one that
        has ended."""
        entry = self._store.read(lambda tx: tx.device_task(principal.user, device, client_id))
        if entry is None:
            raise NotFound(f"this device has no task {client_id}: only the one that created a task can report it")
        return self._reports.report(principal, entry.task_id, sent)

    def active(self, visible_to: str | None, *, limit: int) -> list[Named]:
        """The newest tasks that have not ended, newest first; `visible_to`: only those of this owner."""

        def read(tx: Transaction) -> list[Named]:
            pages = [tx.tasks(TaskFilter(status=each, visible_to=visible_to), limit=limit) for each in _ACTIVE]
            tasks = sorted((task for page in pages for task in page.tasks), key=_age, reverse=True)[:limit]
            entries = tx.device_tasks([task.id for task in tasks])
            return [(task, entries.get(task.id)) for task in tasks]

        return self._store.read(read)

    def named(self, task_ids: Sequence[str]) -> dict[str, Named]:
        """Those of these tasks that there are."""

        def read(tx: Transaction) -> dict[str, Named]:
            tasks = [task for task in map(tx.task, task_ids) if task is not None]
            entries = tx.device_tasks([task.id for task in tasks])
            return {task.id: (task, entries.get(task.id)) for task in tasks}

        return self._store.read(read)

    def _enter(self, tx: Transaction, principal: Principal, task: Task, entry: DeviceTask) -> Commit:
        earlier = tx.device_task(entry.owner, entry.device, entry.client_id)
        known = tx.task(earlier.task_id) if earlier is not None else None
        if known is not None and not known.terminal:
            return Commit(known, ())
        (commit,) = enter(tx, principal, [task], self._clock)
        tx.save_device_task(entry, task.created_at)
        return commit


def _age(task: Task) -> tuple[Any, str]:
    return task.created_at, task.id
