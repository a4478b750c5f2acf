"""Edit: what a task is called, and when it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from api.access.principals import require
from api.domain.permission import Action, Principal
from api.domain.task import Task
from api.errors import Conflict
from api.ports import Store, Transaction
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.services.folders import Folders
from api.services.query import visible


class Editor:
    def __init__(self, store: Store, runtime: Runtime, folders: Folders) -> None:
        self._store = store
        self._runtime = runtime
        self._folders = folders

    def edit(
        self,
        principal: Principal,
        task_id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
    ) -> Task:
        """The task with the given fields changed."""

        def change(tx: Transaction) -> Task:
            task = visible(tx, principal, task_id)
            require(principal, Action.EDIT, task)
            edited = replace(
                task,
                name=task.name if name is None else name,
                tags=task.tags if tags is None else tuple(tags),
                priority=task.priority if priority is None else priority,
            )
            tx.save_task(edited)
            return edited

        return self._store.write(change)

    def delete(self, principal: Principal, task_id: str) -> None:
        """Forget an ended task with its history and its files; `Conflict` while it has not ended."""

        def remove(tx: Transaction) -> Task:
            task = visible(tx, principal, task_id)
            require(principal, Action.DELETE, task)
            if not task.terminal:
                raise Conflict(f"a {task.status} task cannot be deleted: cancel it first")
            for waiting in tx.dependants(task_id, limit=1):
                raise Conflict(f"the task {waiting} waits and depends on this one: cancel it first, or let it start")
            tx.delete_task(task_id)
            return task

        task = self._store.write(remove)
        offload(self._runtime, lambda: self._folders.discard(task))
