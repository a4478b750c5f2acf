"""How long work that runs elsewhere may be silent before it counts as stalled. Pure: time comes in."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from api.domain.task import Task

FACTOR = 3.0
"""So many times its usual silence makes a reporter stalled."""
_MEMORY = 20.0
"""After so many of its usual silences the longest of them has lost two thirds of its weight."""


def heard(task: Task, at: datetime) -> Task:
    """The task after a sign of life; unchanged where none is expected (`heard_at` is None)."""
    if task.heard_at is None:
        return task
    gap = max((at - task.heard_at).total_seconds(), 0.0)
    return replace(task, heard_at=at, usual_silence=usual_silence(task.usual_silence, gap), stalled=False)


def usual_silence(before: float, gap: float) -> float:
    """The longest silence of the recent past, in seconds, after another one of `gap`.

    It fades by the time that passes and not by the number of reports: a burst of many does not shorten it.
    """
    faded = before * math.exp(-gap / (_MEMORY * before)) if before > 0 else 0.0
    return max(gap, faded)


def patience(task: Task, floor: float) -> float:
    """Seconds of silence after which the task counts as stalled."""
    return max(floor, FACTOR * task.usual_silence)


def silent_for(task: Task, now: datetime) -> float:
    """Seconds since it was last heard of."""
    return max((now - task.heard_at).total_seconds(), 0.0) if task.heard_at else 0.0


def span(seconds: float) -> str:
    """For people: `62 s`, `5 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
