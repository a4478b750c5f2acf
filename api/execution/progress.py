"""Progress: many reports in, few out; percent, and the time that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from api.errors import WorkloadError
from api.execution import limits


@dataclass(frozen=True, slots=True)
class Point:
    """Where the work stands. `current` counts from 0; `total` is None when it is not known."""

    current: float
    total: float | None = None
    message: str | None = None


def point(current: Any, total: Any, message: Any) -> Point:
    """A checked `Point`; `WorkloadError` for what is not a number. A total of 0 or less counts as unknown."""
    now = _number("current", current)
    end = None if total is None else _number("total", total)
    return Point(max(now, 0), end if end is not None and end > 0 else None, None if message is None else str(message))


def _number(name: str, value: Any) -> float:
    try:
        number = value if type(value) is int else float(value)
        if not isinstance(value, (str, bytes)) and abs(number) < 2**53:  # false for NaN and infinity too
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise WorkloadError(f"ctx.progress: {name} must be a number, not {str(value)[:100]!r}")


class Coalescer:
    """At most one point per `interval` seconds, the latest one wins, and the last one is never lost."""

    def __init__(self, interval: float = limits.PROGRESS_INTERVAL) -> None:
        self._interval = interval
        self._next = -math.inf
        self._waiting: Point | None = None

    @property
    def due(self) -> float | None:
        """When the waiting point must go out; None when there is none."""
        return None if self._waiting is None else self._next

    def offer(self, new: Point, now: float) -> Point | None:
        """The point to send now, if any; else the new one waits."""
        self._waiting = new
        return self.take(now) if now >= self._next else None

    def take(self, now: float) -> Point | None:
        """The waiting point, to be sent now whatever its time."""
        taken, self._waiting = self._waiting, None
        if taken is not None:
            self._next = now + self._interval
        return taken


class Eta:
    """Seconds left, by the rate of the recent past: a decaying mean over about `memory` seconds."""

    def __init__(self, started: float, memory: float = 30.0) -> None:
        self._memory = memory
        self._at = started
        self._current: float | None = None
        self._done = 0.0
        self._took = 0.0

    def skip(self, seconds: float) -> None:
        """Leave out a pause."""
        self._at += seconds

    def update(self, where: Point, now: float) -> float | None:
        """The seconds left after `where`; None while nobody can know."""
        self._learn(where.current, now)
        if where.total is None or self._done <= 0:
            return None
        left = max(where.total - where.current, 0) * self._took / self._done
        return round(left, 1) if math.isfinite(left) else None

    def _learn(self, current: float, now: float) -> None:
        # A first report of 0 or 1 tells how long the first step took; one of 57 comes from a task that starts
        # from a checkpoint, and tells nothing.
        before = 0.0 if self._current is None and current <= 1 else self._current
        if before is None or current < before:  # lower: it counts from the start again
            self._done = self._took = 0.0
        elif now > self._at:
            fade = math.exp((self._at - now) / self._memory)
            self._done = self._done * fade + current - before
            self._took = self._took * fade + now - self._at
        self._current, self._at = current, max(now, self._at)


class Percent:
    """0 to 100; a point without a total keeps what was known before."""

    def __init__(self) -> None:
        self._known = 0.0

    def update(self, where: Point) -> float:
        if where.total is not None:
            self._known = round(min(100 * where.current / where.total, 100.0), 2)
        return self._known


def progress_data(where: Point, percent: float, eta: float | None) -> dict[str, Any]:
    """The data of the event."""
    data: dict[str, Any] = {
        "current_iteration": int(where.current),
        "max_iterations": None if where.total is None else max(int(where.total), 1),
        "progress_percent": percent,
    }
    if where.message is not None:
        data["message"] = limits.cut(where.message, limits.MESSAGE)
    if eta is not None:
        data["eta_seconds"] = eta
    return data
