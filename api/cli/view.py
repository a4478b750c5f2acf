"""What a person following a task sees, as a value: built from the task, moved by its events. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from api.cli.words import instant

TREND = 60
"""So many values of each metric are kept for its small chart."""
PACE = 30
"""The rate is measured over so many progress events."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A task and the connection to it: two truths, shown side by side."""

    task_id: str
    name: str = ""
    type: str = ""
    status: str = "pending"
    message: str = ""
    percent: float | None = None
    current: int = 0
    total: int | None = None
    eta_seconds: float | None = None
    attempt: int = 0
    max_attempts: int = 1
    metrics: Mapping[str, float | str | None] = field(default_factory=dict)
    trends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    pace: tuple[tuple[float, int], ...] = ()
    """(seconds since the epoch, iteration) of the latest progress."""
    started_at: float | None = None
    heard_at: float | None = None
    """When the latest event was written, by the server's clock."""
    last_seq: int = 0
    result: Json | None = None
    error: str = ""
    traceback: str = ""
    expected: str = ""
    """When it starts, or how long it still runs, by the queue and by earlier runs."""
    connection: str = "live"
    connection_detail: str = ""

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    @property
    def asks(self) -> bool:
        """Whether the server may know more of when it starts or ends than its events say."""
        return self.status == "pending" or (self.status == "running" and self.eta_seconds is None)

    @property
    def rate(self) -> float | None:
        """Iterations per second, lately."""
        if len(self.pace) < 2:
            return None
        (first_at, first), (last_at, last) = self.pace[0], self.pace[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at and last > first else None

    @property
    def elapsed(self) -> float:
        """Seconds from the start to the latest event."""
        if self.started_at is None or self.heard_at is None:
            return 0.0
        return max(0.0, self.heard_at - self.started_at)


def view_of(task: Json) -> View:
    """The view of a task as REST and `subscribed` give it."""
    return View(
        task_id=str(task["task_id"]),
        name=str(task.get("name") or ""),
        type=str(task.get("type") or ""),
        status=str(task.get("status") or "pending"),
        message=str(task.get("message") or ""),
        percent=task.get("progress_percent"),
        current=task.get("current_iteration") or 0,
        total=task.get("max_iterations"),
        eta_seconds=task.get("eta_seconds"),
        attempt=task.get("attempt") or 0,
        max_attempts=task.get("max_attempts") or 1,
        metrics=dict(task.get("metrics") or {}),
        started_at=_seconds(task.get("started_at")),
        heard_at=_seconds(task.get("completed_at")),
        last_seq=task.get("last_seq") or 0,
        result=task.get("result"),
        error=str(task.get("error") or ""),
    )


def after(view: View, envelope: Json) -> View:
    """The view after one event."""
    data = envelope.get("data") or {}
    heard_at = _seconds(envelope.get("timestamp")) or view.heard_at
    moved = replace(
        view,
        last_seq=envelope.get("seq") or view.last_seq,
        heard_at=heard_at,
        attempt=data.get("attempt") or view.attempt,
    )
    effect = _EFFECTS.get(str(envelope.get("event_type")))
    return effect(moved, data) if effect else moved


def connected(view: View, state: str, detail: str) -> View:
    """The view after a change of the connection, which changes nothing about the task."""
    return replace(view, connection=state, connection_detail=detail)


def expecting(view: View, words: str) -> View:
    """The view with what can be expected of the task, by `outlook`."""
    return replace(view, expected=words if view.asks else "")


def _status_change(view: View, data: Json) -> View:
    status = str(data.get("status") or view.status)
    moved = replace(
        view,
        status=status,
        message=str(data.get("message") or ""),
        result=data.get("result") or view.result,
        error=str(data.get("error") or view.error),
        expected=view.expected if status == view.status else "",
    )
    if status == "running" and view.status != "running":
        return replace(moved, started_at=view.started_at or view.heard_at, pace=())
    if status == "completed":
        return replace(moved, percent=100.0, eta_seconds=None)
    return moved


def _progress(view: View, data: Json) -> View:
    current = int(data.get("current_iteration") or 0)
    pace = (*view.pace, (view.heard_at, current))[-PACE:] if view.heard_at is not None else view.pace
    return replace(
        view,
        current=current,
        total=data.get("max_iterations"),
        percent=data.get("progress_percent"),
        message=str(data.get("message") or view.message),
        eta_seconds=data.get("eta_seconds"),
        pace=pace,
        expected=view.expected if data.get("eta_seconds") is None else "",
    )


def _iteration(view: View, data: Json) -> View:
    latest = {**(data.get("metrics") or {}), **(data.get("nonfinite") or {})}
    trends = {
        name: (*view.trends.get(name, ()), float(value))[-TREND:]
        for name, value in latest.items()
        if isinstance(value, int | float)
    }
    return replace(view, metrics={**view.metrics, **latest}, trends={**view.trends, **trends})


def _error(view: View, data: Json) -> View:
    return replace(
        view,
        status="failed",
        error=str(data.get("error") or "no reason given"),
        traceback=str(data.get("traceback") or ""),
        eta_seconds=None,
    )


_EFFECTS = {
    "status_change": _status_change,
    "progress": _progress,
    "iteration_complete": _iteration,
    "error": _error,
}


def _seconds(timestamp: object) -> float | None:
    at = instant(timestamp) if timestamp else None
    return at.timestamp() if at else None
