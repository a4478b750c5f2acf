"""Small trainings, and runs without pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from api.workloads.training import TrainingParams

QUICK = {"epochs": 6, "hidden_layers": [12, 8], "batch_size": 200, "patience": 0}
"""Eight batches in each epoch."""


@pytest.fixture(autouse=True)
def _one_core() -> Iterator[None]:
    """As a task has it: this process has loaded NumPy long before."""
    import numpy  # noqa: F401  what is not loaded yet is not limited

    with threadpool_limits(1):
        yield


@pytest.fixture
def quick() -> Callable[..., TrainingParams]:
    """Params of a training of the digits that takes no time, with some changes."""
    return lambda **changes: TrainingParams.model_validate(QUICK | changes)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer to draw than a small network takes to train."""
    from api.workloads.training import plots

    monkeypatch.setattr(plots, "draw", lambda report, folder: [])


@pytest.fixture
def files() -> Callable[[Any], dict[str, bytes]]:
    """The files that a run left, by name."""

    def read(context: Any) -> dict[str, bytes]:
        folder: Path = context.artifact_dir
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    return read
