"""How long a task can be expected to work, by the course of earlier ones like it. Pure: time comes in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from statistics import median
from typing import Any

from api.domain.task import Task
from api.domain.workload import Workload

RUNS = 20
"""So many of the latest comparable tasks are gone by."""
LOOKED_THROUGH = 500
"""So many of the latest tasks of a type are looked through for comparable ones."""


class Basis(StrEnum):
    """What the tasks that an expectation goes by have in common with the task."""

    SIZE = "size"
    """Type and size: see `size_of`."""
    TYPE = "type"
    """The type alone."""


@dataclass(frozen=True, slots=True)
class Run:
    """A completed task: its size, and for how many seconds it worked, without pauses and waiting."""

    size: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Course:
    """How long comparable tasks worked, in seconds: one at least, `RUNS` at most."""

    seconds: tuple[float, ...]
    basis: Basis

    def expected(self, worked: float = 0.0) -> float | None:
        """Seconds of work in all that one can be expected to take which has worked for `worked` seconds: the
        median of those that took longer than that. None when none did: nothing is known of the rest then."""
        longer = [each for each in self.seconds if each > worked]
        return median(longer) if longer else None


def size_of(workload: Workload, params: Mapping[str, Any], name: str) -> str:
    """The same for tasks of a type that are the same work; "" for one that is like no other.

    By the params that the workload says decide how long it takes. External tasks say nothing by their params:
    by their name, if they have one.
    """
    if workload.external and not name:
        return ""
    decisive = params if workload.size is None else {each: params[each] for each in workload.size if each in params}
    text = json.dumps([decisive, name if workload.external else ""], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Earlier:
    """The earlier tasks of a type."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """`runs`: the latest first."""
        self._all = tuple(run.seconds for run in runs[:RUNS])
        self._of_size: dict[str, list[float]] = {}
        for run in runs:
            self._of_size.setdefault(run.size, []).append(run.seconds)

    def like(self, size: str, *, by_type: bool = True) -> Course | None:
        """Those of this size, and if there is none those of any where `by_type`; None when there is none either."""
        same = self._of_size.get(size) if size else None
        if same:
            return Course(tuple(same[:RUNS]), Basis.SIZE)
        return Course(self._all, Basis.TYPE) if by_type and self._all else None


def worked(task: Task, at: datetime) -> float | None:
    """For how many seconds the task has worked; None when that is not known."""
    if task.worked_seconds is None or task.working_since is None:
        return task.worked_seconds
    return task.worked_seconds + max(0.0, (at - task.working_since).total_seconds())


@dataclass(frozen=True, slots=True)
class Outlook:
    """What can be expected of a task that has not ended; None for what cannot be known."""

    expected_seconds: float | None = None
    """Of work in all, by the course of earlier tasks."""
    basis: Basis | None = None
    """What those have in common with it."""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


UNKNOWN = Outlook()
