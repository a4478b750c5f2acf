"""Search: what a task's workload finds in what it has left. Which workloads can, they say themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from api.domain.permission import Principal
from api.domain.workload import Found, Workload
from api.errors import NotFound
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.services.folders import Folders
from api.services.query import Queries


@dataclass(frozen=True, slots=True)
class Answer:
    found: Found
    took_ms: float


class Searches:
    def __init__(self, queries: Queries, runtime: Runtime, folders: Folders, workloads: Mapping[str, Workload]) -> None:
        self._queries = queries
        self._runtime = runtime
        self._folders = folders
        self._workloads = workloads

    def search(self, principal: Principal, task_id: str, words: str, *, limit: int, offset: int) -> Answer:
        """`NotFound` also when tasks of this type cannot be searched; the rest as `api.domain.workload.Search`."""
        task = self._queries.view(principal, task_id).task
        workload = self._workloads.get(task.type)
        search = workload.search if workload else None
        if search is None:
            raise NotFound(f"tasks of the type {task.type!r} cannot be searched")

        def timed() -> Answer:
            began = time.perf_counter()
            found = search(task.params, self._folders.shared(task), words, limit=limit, offset=offset)
            return Answer(found, (time.perf_counter() - began) * 1000)

        return offload(self._runtime, timed)
