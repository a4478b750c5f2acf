"""What can be expected of a task, in words: its place in the queue, when it starts, how long it still runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from api.cli.words import instant
from api.domain.silence import span

if TYPE_CHECKING:
    from api.client import APIClient

Json = Mapping[str, Any]
SOON = 5.0
"""Seconds that are "a moment"."""


def outlook(task: Json, now: datetime | None) -> str:
    """`2nd in the queue, starts in about 3 min`; "" when nothing is known that the task does not say itself.

    `now` is the server's; without it no time is told.
    """
    if task.get("status") == "pending":
        return _waiting(task, now)
    if task.get("status") == "running" and task.get("eta_seconds") is None:
        left = _until(task.get("estimated_end_at"), now)
        return "" if left is None else f"{_about(left)} left, by earlier runs"
    return ""


def _waiting(task: Json, now: datetime | None) -> str:
    said = []
    if task.get("queue_position") is not None:
        said.append(f"{ordinal(task['queue_position'])} in the queue")
    wait = _until(task.get("estimated_start_at"), now)
    if wait is not None:
        said.append(f"starts in {_about(wait)}")
    if task.get("expected_seconds") is not None and wait is not None:
        said.append(f"usually takes {_about(task['expected_seconds'])}")
    return ", ".join(said)


def server_time(client: APIClient, *tasks: Json) -> datetime | None:
    """What the server's clock says, if there is one among the tasks for whose outlook that is needed: that of this
    machine may be wrong."""
    if not any(task.get("estimated_start_at") or task.get("estimated_end_at") for task in tasks):
        return None
    return instant(client.health_check().get("timestamp"))


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, `11th`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _until(timestamp: object, now: datetime | None) -> float | None:
    at = instant(timestamp) if timestamp else None
    return (at - now).total_seconds() if at is not None and now is not None else None


def _about(seconds: float) -> str:
    return "a moment" if seconds < SOON else f"about {span(seconds)}"
