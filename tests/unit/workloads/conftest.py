"""A `Context` that keeps what a workload reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from api.errors import TaskCancelled, TaskPaused
from api.workloads.inputs import resolve_input

CONFIG = Path(__file__).parents[3] / "config"


@dataclass
class RecordingContext:
    """Implements `api.domain.workload.Context` in memory; `cancel_at`, `pause_at` and `kill_at` cancel, pause and kill
    at that checkpoint (1 = the first)."""

    artifact_dir: Path
    restored: bytes | None = None
    cancel_at: int | None = None
    pause_at: int | None = None
    kill_at: int | None = None
    task_id: str = "00000000-0000-4000-8000-000000000000"
    attempt: int = 1
    result_dir: str = "experiments/run_test"
    input_dirs: tuple[Path, ...] = (CONFIG,)
    iterations: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    progresses: list[tuple[float, float | None, str | None]] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)
    saved: list[bytes] = field(default_factory=list)
    checkpoints: int = 0

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        self.progresses.append((current, total, message))

    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self.iterations.append((iteration, dict(metrics)))

    def log(self, message: str, level: str = "info") -> None:
        self.logs.append((level, message))

    def checkpoint(self) -> None:
        self.checkpoints += 1
        if self.checkpoints == self.cancel_at:
            raise TaskCancelled
        if self.checkpoints == self.pause_at:
            raise TaskPaused
        if self.checkpoints == self.kill_at:
            raise KeyboardInterrupt  # which nobody handles: what was saved until then is what there is

    @property
    def pausing(self) -> bool:
        return self.checkpoints + 1 == self.pause_at

    def save(self, state: bytes) -> None:
        self.saved.append(state)

    def input_path(self, name: str) -> Path:
        return resolve_input(name, self.input_dirs)


@pytest.fixture
def new_context(tmp_path: Path) -> Callable[..., RecordingContext]:
    """Makes contexts, each with an empty folder of its own."""
    numbers = count(1)

    def make(**given: Any) -> RecordingContext:
        folder = tmp_path / f"artifacts_{next(numbers)}"
        folder.mkdir()
        return RecordingContext(folder, **given)

    return make
