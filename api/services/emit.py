"""`emit_task_update`: the one call by which work tells what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.domain.event import Event
from api.domain.event_data import draft
from api.errors import NotFound
from api.ports import Store, Transaction
from api.services.publish import Commit, Publisher


class Emitter:
    def __init__(self, store: Store, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher

    def emit(self, task_id: str, event_type: str, data: Mapping[str, Any]) -> Event:
        """Commit one event and return it; from any thread.

        `InvalidInput` for a wrong type or data, `NotFound`, `Conflict` where the lifecycle forbids it.
        """
        commit = self._store.write(lambda tx: self._commit(tx, task_id, event_type, data))
        self._publisher.ring(commit)
        return commit.events[0]

    def _commit(self, tx: Transaction, task_id: str, event_type: str, data: Mapping[str, Any]) -> Commit:
        task = tx.task(task_id)
        if task is None:
            raise NotFound()
        drafts = [draft(event_type, data, attempt=task.attempt)]
        return self._publisher.within(tx, task, drafts, also=self._publisher.heard)
