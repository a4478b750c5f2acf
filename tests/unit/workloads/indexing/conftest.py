"""A folder of documents, and a `Context` that keeps what a task reports on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api.errors import TaskCancelled
from api.workloads.indexing import workload
from api.workloads.inputs import resolve_folder


@dataclass
class RecordingContext:
    """`cancel_at` cancels at that checkpoint (1 = the first)."""

    task_id: str
    artifact_dir: Path
    shared_dir: Path
    inputs: Path
    cancel_at: int | None = None
    progresses: list[tuple[int, int | None]] = field(default_factory=list)
    iterations: list[Mapping[str, float]] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    saved: list[bytes] = field(default_factory=list)
    checkpoints: int = 0

    def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        self.progresses.append((current, total))

    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self.iterations.append(metrics)

    def log(self, message: str, level: str = "info") -> None:
        self.logs.append((level, message))

    def checkpoint(self) -> None:
        self.checkpoints += 1
        if self.checkpoints == self.cancel_at:
            raise TaskCancelled

    def save(self, state: bytes) -> None:
        self.saved.append(state)

    def input_folder(self, name: str) -> Path:
        return resolve_folder(name, (self.inputs,))


@dataclass
class Desk:
    """Runs tasks on the folder `inputs/docs`, and searches what they have made."""

    root: Path
    contexts: list[RecordingContext] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.docs = self.root / "inputs" / "docs"
        self.shared = self.root / "shared"
        self.docs.mkdir(parents=True)
        self.shared.mkdir()

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.docs / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def run(self, task_id: str = "", cancel_at: int | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        artifacts = self.root / f"artifacts-{number}"
        artifacts.mkdir()
        ctx = RecordingContext(task_id or f"task-{number}", artifacts, self.shared, self.root / "inputs", cancel_at)
        self.contexts.append(ctx)
        return dict(workload.run(workload.params(**{"folder": "docs"} | params), ctx))

    def search(self, words: str, limit: int = 20, offset: int = 0, **params: Any) -> Any:
        assert workload.search is not None
        return workload.search({"folder": "docs"} | params, self.shared, words, limit=limit, offset=offset)

    def paths(self, words: str, **params: Any) -> list[str]:
        return sorted(hit.path for hit in self.search(words, **params).hits)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def reasons(desk: Desk) -> Callable[[dict[str, Any]], dict[str, str]]:
    """path → why, of a result."""
    return lambda result: {each["path"]: each["error"] for each in result["details"]}
