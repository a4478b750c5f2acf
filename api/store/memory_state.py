"""What the store in memory holds."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime

from api.domain.announcement import Parcel
from api.domain.batch import Batch
from api.domain.dependency import Continuation
from api.domain.device_task import DeviceTask
from api.domain.event import Event
from api.domain.rule import Delivery, Firing, Mark, Rule
from api.domain.schedule import Schedule
from api.domain.task import Task
from api.ports import IdempotentRequest


@dataclass(slots=True)
class State:
    """All there is. The values in the dictionaries are never changed, only replaced."""

    epoch: str
    tasks: dict[str, Task] = field(default_factory=dict)
    journals: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    requests: dict[tuple[str, str], IdempotentRequest] = field(default_factory=dict)
    remembered: dict[tuple[str, str], datetime] = field(default_factory=dict)
    batches: dict[str, Batch] = field(default_factory=dict)
    dependencies: dict[tuple[str, str], None] = field(default_factory=dict)
    """(parent, child)"""
    continuations: dict[int, Continuation] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    parcels: dict[int, tuple[str, Parcel]] = field(default_factory=dict)
    device_tasks: dict[tuple[str, str, int], DeviceTask] = field(default_factory=dict)
    """By owner, device and the device's own id."""
    rules: dict[str, Rule] = field(default_factory=dict)
    watched_at: dict[str, datetime] = field(default_factory=dict)
    """Of each rule."""
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    """(task, rule)"""
    firings: dict[tuple[str, str, int], Firing] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)

    def copy(self) -> State:
        return State(self.epoch, *(dict(getattr(self, each.name)) for each in fields(self)[1:]))
