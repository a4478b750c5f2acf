"""Adapters: what well-known libraries tell of their progress, reported to Runcast.

Each takes a `job`: the `Report` of `APIClient.report`, or the `ctx` of a workload. One module per library, which
imports it; nothing else is imported with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Job(Protocol):
    """What a `Report` and a workload's `ctx` have in common. Callable from any thread."""

    def progress(self, current: float, *, total: float | None = None, message: str | None = None) -> None: ...
    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None: ...
    def log(self, message: str, level: str = "info", logger: str | None = None) -> None: ...
    def checkpoint(self) -> None:
        """Raises `TaskCancelled` once the task is cancelled; in a workload it blocks while paused."""
