"""The messages of the devices' list, in the default namespace of Socket.IO. Pure.

`id` is an integer: the device that runs a task sees the one that it chose, everybody else one that is allotted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.domain.device_task import DeviceTask, allotted_id
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task

Message = dict[str, Any]
ACTIVE, CREATED, PROGRESS = "active_tasks", "task_created", "task_progress"
COMPLETED, FAILED = "task_completed", "task_failed"
CANCELLED = "cancelled"
"""The error of a cancelled task: so it leaves every list."""
_BARE = "bare"
"""Marks a result that is no object: it is stored as the `value` of one."""


def id_for(owner: str, device: str, task_id: str, entry: DeviceTask | None) -> int:
    """By which integer a device knows a task."""
    if entry is not None and (entry.owner, entry.device) == (owner, device):
        return entry.client_id
    return allotted_id(task_id)


def task_object(number: int, task: Task, entry: DeviceTask | None) -> Message:
    """A task as these clients list it; `number`: its id there."""
    started = task.started_at or task.created_at
    return {
        "id": number,
        "task_id": task.id,
        "serverTaskId": entry.server_task_id if entry else "",
        "formData": dict(task.params),
        "mode": entry.mode if entry else task.type,
        "startTime": entry.start_ms if entry else int(started.timestamp() * 1000),
        "status": str(task.status),
        "progress": task.progress_percent,
    }


def progress(number: int, percent: float, message: str) -> Message:
    return {"id": number, "progress": percent, "message": message}


def ending(number: int, event: Event) -> tuple[str, Message]:
    """(name, message) of a task's last event."""
    if event.type is EventType.ERROR:
        return FAILED, {"id": number, "error": event.data["error"]}
    if event.data["status"] == Status.COMPLETED:
        return COMPLETED, {"id": number, "result": _result(event.data)}
    return FAILED, {"id": number, "error": CANCELLED}


def completed_data(result: Any) -> dict[str, Any]:
    """The data of the event by which a device completes a task with this result."""
    data: dict[str, Any] = {"status": str(Status.COMPLETED), "message": "completed"}
    if result is None or isinstance(result, Mapping):
        return data | {"result": result}
    return data | {"result": {"value": result}, _BARE: True}


def _result(data: Mapping[str, Any]) -> Any:
    return data["result"]["value"] if data.get(_BARE) is True else data.get("result")
