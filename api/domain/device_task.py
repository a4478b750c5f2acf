"""A task that one of a user's devices runs itself, and the integers by which devices know tasks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

OWN_IDS = 2**52
"""A device's own ids are below it, those that are allotted are not; JavaScript is exact up to twice as much."""


@dataclass(frozen=True, slots=True)
class DeviceTask:
    """What a device calls a task, and what it said of it when it began."""

    owner: str
    device: str
    client_id: int
    task_id: str
    mode: str
    start_ms: int
    server_task_id: str = ""


def allotted_id(task_id: str) -> int:
    """The integer by which every other device knows the task: 52 random bits of its UUID, the same everywhere and
    for ever. Of 100,000 tasks, two have the same with a probability of one in a million."""
    return OWN_IDS + UUID(task_id).int % OWN_IDS
