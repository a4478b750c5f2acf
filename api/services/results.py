"""Results: what an ended task left, and its files. No path ever leads out of the task's own folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from api.domain.lifecycle import Status
from api.domain.permission import Principal
from api.domain.task import Task
from api.errors import Conflict, NotFound
from api.ports import TaskFilter
from api.runtime.base import Runtime
from api.runtime.offload import offload
from api.services.folders import Folders
from api.services.query import Queries

MAX_FILES = 10_000
MAX_SUMMARY_BYTES = 4 * 1024 * 1024
_NO_FILE = "there is no such file"


@dataclass(frozen=True, slots=True)
class Artifact:
    """`path` is relative to the task's folder, with `/`; `size` in bytes."""

    path: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    task: Task
    summary: Mapping[str, Any] | None
    evolution: list[dict[str, Any]]


class Results:
    def __init__(self, queries: Queries, runtime: Runtime, folders: Folders) -> None:
        self._queries = queries
        self._runtime = runtime
        self._folders = folders

    def result(self, principal: Principal, task_id: str) -> Result:
        """`Conflict` unless the task is completed."""
        task = self._queries.view(principal, task_id).task
        if task.status is not Status.COMPLETED:
            raise Conflict(f"a {task.status} task has no result")
        return offload(self._runtime, lambda: self._read(task))

    def artifacts(self, principal: Principal, task_id: str) -> list[Artifact]:
        task = self._queries.view(principal, task_id).task
        return offload(self._runtime, lambda: list(self._walk(task)))

    def file(self, principal: Principal, task_id: str, path: str) -> Path:
        """The absolute path of one file of the task; `NotFound` for whatever is not one."""
        task = self._queries.view(principal, task_id).task
        return offload(self._runtime, lambda: self._inside(task, path))

    def experiments(self, principal: Principal, task_type: str, limit: int) -> tuple[list[tuple[Task, Any]], int]:
        """Completed tasks of a type that left files, newest first, each with its summary; and how many."""
        where = TaskFilter(status=Status.COMPLETED, type=task_type)
        page, _views = self._queries.page(principal, where, limit=limit)
        read = offload(self._runtime, lambda: [(task, self._summary(task)) for task in page.tasks])
        return read, page.total

    def _read(self, task: Task) -> Result:
        return Result(task, self._summary(task), self._evolution(task))

    def _summary(self, task: Task) -> Mapping[str, Any] | None:
        text = self._text(task, "summary.json")
        if text is None:
            return None
        summary = json.loads(text)
        return summary if isinstance(summary, dict) else None

    def _evolution(self, task: Task) -> list[dict[str, Any]]:
        text = self._text(task, "evolution_trace.csv")
        rows = csv.DictReader(text.splitlines()) if text else []
        return [{name: _value(cell) for name, cell in row.items() if name} for row in rows]

    def _text(self, task: Task, name: str) -> str | None:
        try:
            path = self._inside(task, name)
        except NotFound:
            return None
        if path.stat().st_size > MAX_SUMMARY_BYTES:
            return None
        return path.read_text(encoding="utf-8")

    def _root(self, task: Task) -> Path | None:
        relative = task.artifact_dir or (self._folders.lease_dir(task.lease_id) if task.lease_id else None)
        return self._folders.absolute(relative) if relative else None

    def _inside(self, task: Task, name: str) -> Path:
        root = self._root(task)
        if root is None or "\0" in name:
            raise NotFound(_NO_FILE)
        try:
            real = (root / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # missing, too long, a loop of links, a surrogate
            raise NotFound(_NO_FILE) from None
        if not real.is_relative_to(root.resolve()) or not real.is_file():
            raise NotFound(_NO_FILE)
        return real

    def _walk(self, task: Task) -> Iterator[Artifact]:
        root = self._root(task)
        if root is None or not root.is_dir():
            return
        for count, path in enumerate(sorted(root.rglob("*"))):
            if count >= MAX_FILES:
                return
            if path.is_file() and not path.is_symlink():
                stat = path.stat()
                modified = datetime.fromtimestamp(stat.st_mtime).astimezone()
                yield Artifact(path.relative_to(root).as_posix(), stat.st_size, modified)


def _value(cell: str | None) -> Any:
    """A number where the cell is one; NaN and infinities, which no JSON carries, as None."""
    if cell is None or cell == "":
        return None
    try:
        number = float(cell)
    except ValueError:
        return cell
    if number - number != 0:
        return None
    return int(number) if number.is_integer() and "." not in cell and "e" not in cell.lower() else number
