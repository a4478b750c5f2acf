"""The event: one line of a task's journal, and the envelope that every protocol carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from api.domain.lifecycle import TERMINAL

TERMINAL_VALUES = frozenset(str(status) for status in TERMINAL)


class EventType(StrEnum):
    STATUS_CHANGE = "status_change"
    PROGRESS = "progress"
    ITERATION_COMPLETE = "iteration_complete"
    LOG = "log"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is not in the journal yet: it has no number and no time."""

    type: EventType
    data: Mapping[str, Any]

    @property
    def terminal(self) -> bool:
        return ends_task(self.type, self.data)


@dataclass(frozen=True, slots=True)
class Event:
    """A committed event. `seq` counts from 1 within its task, without a hole."""

    task_id: str
    seq: int
    type: EventType
    data: Mapping[str, Any]
    at: datetime
    encoded: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What adapters have made of it, by their name: once for everybody who gets it."""

    @property
    def terminal(self) -> bool:
        return ends_task(self.type, self.data)

    def envelope(self) -> dict[str, Any]:
        """The shape on the wire: task_id, seq, event_type, data, timestamp."""
        return {
            "task_id": self.task_id,
            "seq": self.seq,
            "event_type": str(self.type),
            "data": dict(self.data),
            "timestamp": rfc3339(self.at),
        }


def ends_task(event_type: str, data: Mapping[str, Any]) -> bool:
    """Whether an event of this type and data is the last one of its task."""
    if event_type == EventType.ERROR:
        return True
    return event_type == EventType.STATUS_CHANGE and data.get("status") in TERMINAL_VALUES


def rfc3339(at: datetime) -> str:
    """UTC with microseconds and `Z`, as RFC 3339 has it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
