"""What a workload sees of us: the `Context` inside the child process."""

from __future__ import annotations

import json
import operator
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.domain.event import EventType
from api.errors import WorkloadError
from api.execution import limits
from api.execution.checkpoint import read_checkpoint, write_checkpoint
from api.execution.gate import Gate
from api.execution.messages import LEVELS
from api.execution.outlet import Outlet
from api.execution.progress import point
from api.execution.values import finite_metrics
from api.ports import Assignment
from api.workloads.inputs import resolve_folder, resolve_input

_ALIASES = {"warn": "warning", "fatal": "critical"}


class ChildContext:
    """See `api.domain.workload.Context` for what each method promises."""

    def __init__(self, assignment: Assignment, outlet: Outlet, gate: Gate) -> None:
        self.task_id = assignment.task_id
        self.attempt = assignment.attempt
        self.artifact_dir = assignment.artifact_dir
        self.result_dir = assignment.result_dir
        self.restored = read_checkpoint(assignment.checkpoint_file)
        self._assignment = assignment
        self._outlet = outlet
        self._gate = gate
        self._saving = threading.Lock()
        gate.can_leave = self.restored is not None

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        self._outlet.progress(point(current, total, message))

    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None:
        self._outlet.event(EventType.ITERATION_COMPLETE, iteration_data(iteration, metrics))

    def log(self, message: str, level: str = "info", logger: str | None = None) -> None:
        name = str(level).lower()
        name = _ALIASES.get(name, name)
        self._outlet.log(str(message), name if name in LEVELS else "info", logger)

    def checkpoint(self) -> None:
        self._gate.checkpoint()

    @property
    def pausing(self) -> bool:
        return self._gate.pausing

    def save(self, state: bytes) -> None:
        if not isinstance(state, (bytes, bytearray, memoryview)):
            raise WorkloadError(f"ctx.save: the state must be bytes, not {type(state).__name__}")
        with self._saving:
            # Else a crash of the server could lose the reports, and the next attempt would not make them again.
            self._outlet.wait_until_stored(lambda: self._gate.stopping)
            write_checkpoint(self._assignment.checkpoint_file, bytes(state))
        self._gate.can_leave = True

    def input_path(self, name: str) -> Path:
        return resolve_input(name, self._assignment.input_dirs)

    def input_folder(self, name: str) -> Path:
        return resolve_folder(name, self._assignment.input_dirs)

    @property
    def shared_dir(self) -> Path:
        folder = self._assignment.shared_dir
        if folder is None:
            raise WorkloadError("ctx.shared_dir: this task was given no shared folder")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def iteration_data(iteration: Any, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The data of the event; `WorkloadError` tells the workload's author what is wrong."""
    try:
        number = operator.index(iteration)
    except TypeError:
        raise WorkloadError(f"ctx.iteration: iteration must be a whole number, not {iteration!r:.100}") from None
    clean, nonfinite = finite_metrics(metrics)
    data: dict[str, Any] = {"iteration": number, "metrics": clean}
    if nonfinite:
        data["nonfinite"] = nonfinite
    size = len(json.dumps(data, ensure_ascii=False))
    if size > limits.EVENT - 1024:
        raise WorkloadError(
            f"ctx.iteration: the metrics take {size:,} bytes, more than the {limits.EVENT - 1024:,} of an event; "
            "write them to a file in ctx.artifact_dir"
        )
    return data
