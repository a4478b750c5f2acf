"""The schedule: a task that is submitted again and again, by cron or by interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

CATCH_UP_MAX = 100
"""Runs that `MissedRuns.ALL` catches up with at most, from the first that was missed."""


class MissedRuns(StrEnum):
    """What becomes of the runs whose time passed while no server ran."""

    SKIP = "skip"
    ONCE = "once"
    """One task stands for all of them."""
    ALL = "all"


class Overlap(StrEnum):
    """What happens at the time of a run when the task of the last one has not ended."""

    SKIP = "skip"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a schedule runs: by one of `cron` and `every_seconds`."""

    cron: str | None
    """Five fields: minute, hour, day of the month, month, day of the week."""
    every_seconds: int | None
    timezone: str
    """IANA name; cron is read in it."""
    start: datetime
    """What intervals are counted from."""


@dataclass(frozen=True, slots=True)
class Schedule:
    id: str
    owner: str
    created_at: datetime
    task: Mapping[str, Any]
    """The fields of the submission."""
    timing: Timing
    name: str = ""
    missed_runs: MissedRuns = MissedRuns.ONCE
    overlap: Overlap = Overlap.SKIP
    paused: bool = False
    next_run_at: datetime | None = None
    """None while it is paused."""
    last_run_at: datetime | None = None
    last_task_id: str | None = None
    skipped_runs: int = 0
    """How many were left out because the last task still ran."""
    last_error: str | None = None
    """Why the last run submitted no task, if it was to."""
    revision: int = 0
    """Counts its changes: a run is claimed by being the next one."""
