"""Batches, dependencies and continuations in memory: that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from api.domain.batch import Batch, BatchState, Share
from api.domain.dependency import Continuation, Follow
from api.domain.event import Event
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.store import guards
from api.store.memory_state import State
from api.store.tasks import oldest_first


class MemoryBatchRows:
    """Part of `MemoryTransaction`."""

    _state: State
    _writable: bool

    def batch(self, batch_id: str) -> BatchState | None:
        batch = self._state.batches.get(batch_id)
        if batch is None:
            return None
        shares: dict[Status, Share] = {}
        for task in self._of_batch(batch_id):
            share = shares.get(task.status, Share(0, 0.0))
            shares[task.status] = Share(share.count + 1, share.percent + task.progress_percent)
        return BatchState(batch, shares)

    def batch_task_ids(self, batch_id: str) -> list[str]:
        return [task.id for task in sorted(self._of_batch(batch_id), key=oldest_first)]

    def batch_tasks(self, batch_id: str, *, after: str, limit: int) -> list[Task]:
        rest = (task for task in self._of_batch(batch_id) if task.id > after)
        return sorted(rest, key=lambda task: task.id)[:limit]

    def dependants(self, task_id: str, *, after: str = "", limit: int) -> list[str]:
        children = (child for parent, child in self._state.dependencies if parent == task_id and child > after)
        return sorted(children)[:limit]

    def continuations(self, kinds: Sequence[Follow], *, limit: int) -> list[Continuation]:
        known = self._state.continuations
        return [known[number] for number in sorted(known) if known[number].kind in kinds][:limit]

    def add_tasks(self, new: Sequence[Task], first: Sequence[Event]) -> None:
        guards.must_be_writable(self._writable)
        for task, event in zip(new, first, strict=True):
            self.add_task(task)
            self._state.journals[task.id] = (event,)
            if task.waiting_on:
                self._state.dependencies.update(dict.fromkeys((parent, task.id) for parent in task.depends_on))

    def add_task(self, task: Task) -> None:
        raise NotImplementedError

    def add_batch(self, batch: Batch) -> None:
        guards.must_be_writable(self._writable)
        self._state.batches[batch.id] = batch

    def depend(self, task: Task, parent_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._state.dependencies[parent_id, task.id] = None

    def drop_dependencies(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        for edge in [edge for edge in self._state.dependencies if edge[1] == task_id]:
            del self._state.dependencies[edge]

    def defer(self, continuation: Continuation) -> None:
        guards.must_be_writable(self._writable)
        number = max(self._state.continuations, default=0) + 1
        self._state.continuations[number] = replace(continuation, id=number)

    def advance(self, continuation: Continuation, after: str) -> None:
        guards.must_be_writable(self._writable)
        if continuation.id in self._state.continuations:
            self._state.continuations[continuation.id] = replace(continuation, after=after)

    def done(self, continuation: Continuation) -> None:
        guards.must_be_writable(self._writable)
        self._state.continuations.pop(continuation.id, None)

    def _of_batch(self, batch_id: str) -> list[Task]:
        return [task for task in self._state.tasks.values() if task.batch_id == batch_id]
