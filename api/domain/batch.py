"""The batch: tasks that were submitted together, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from api.domain.lifecycle import TERMINAL, Status

TASKS_MAX = 5000
"""Tasks of one batch: they are written in one transaction, in which everybody else's wait."""


@dataclass(frozen=True, slots=True)
class Batch:
    id: str
    owner: str
    created_at: datetime
    name: str
    size: int
    """How many tasks it was submitted with; those that were deleted since count as ended."""


@dataclass(frozen=True, slots=True)
class Share:
    """The tasks of a batch that are in one state: how many, and the sum of their percentages."""

    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as it stands."""

    batch: Batch
    shares: Mapping[Status, Share]

    @property
    def counts(self) -> dict[Status, int]:
        """Every state with the number of tasks in it."""
        return {status: self.shares[status].count if status in self.shares else 0 for status in Status}

    @property
    def live(self) -> int:
        """How many tasks have not ended."""
        return sum(share.count for status, share in self.shares.items() if status not in TERMINAL)

    @property
    def progress_percent(self) -> float:
        """The mean over its tasks; one that has ended, however it did, is done."""
        live_percent = sum(share.percent for status, share in self.shares.items() if status not in TERMINAL)
        ended = self.batch.size - self.live
        return (ended * 100.0 + live_percent) / self.batch.size

    @property
    def status(self) -> Status:
        """What a task in its place would be: once all have ended, the worst of their ends."""
        counts = self.counts
        if self.live:
            waiting = counts[Status.PENDING] == self.live == self.batch.size
            paused = counts[Status.PAUSED] == self.live
            return Status.PENDING if waiting else Status.PAUSED if paused else Status.RUNNING
        worst = (status for status in (Status.FAILED, Status.CANCELLED) if counts[status])
        return next(worst, Status.COMPLETED)
