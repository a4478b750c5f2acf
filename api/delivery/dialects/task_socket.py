"""The messages of `/ws/task/<id>`: events of one task as plain JSON objects. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.delivery.dialects.course import Course
from api.domain.event import Event, EventType, rfc3339
from api.domain.lifecycle import Status
from api.domain.task import Task

Message = dict[str, Any]
_STATUS = {Status.RUNNING: "processing"}


def connected(task: Task, now: datetime) -> Message:
    """The first message of a connection."""
    return {
        "type": "connected",
        "task_id": task.id,
        "message": f"connected to task {task.id}",
        "current_status": _status(task.status),
        "current_progress": task.progress_percent,
        "timestamp": rfc3339(now),
    }


def news(course: Course, event: Event) -> Message | None:
    """What `event` is here; `course` is where it has brought the task. None: this protocol has no word for it."""
    if event.type is EventType.ERROR:
        return _error(course, event.data["error"], event.data.get("traceback"), event.at)
    if event.type is EventType.STATUS_CHANGE and course.status.terminal:
        return _complete(course, event.data.get("result"), event.data.get("message", ""), event.at)
    if event.type in (EventType.STATUS_CHANGE, EventType.PROGRESS):
        return progress(course, event.at)
    return None


def ending(task: Task) -> Message:
    """The last message, for who comes after the end."""
    at = task.completed_at or task.created_at
    course = Course(task.id, task.status)
    if task.status is Status.FAILED:
        return _error(course, task.error or "failed", None, at)
    return _complete(course, task.result, task.message, at)


def progress(course: Course, at: datetime) -> Message:
    return {
        "type": "progress",
        "task_id": course.task_id,
        "progress": course.percent,
        "status": _status(course.status),
        "current": course.current,
        "total": course.total,
        "message": course.message,
        "timestamp": rfc3339(at),
    }


def pong(now: datetime) -> Message:
    return {"type": "pong", "timestamp": rfc3339(now)}


def refused(task_id: str, message: str, now: datetime) -> Message:
    """An answer to what is no message of this protocol; the task is not affected."""
    return {"type": "error", "task_id": task_id, "error": message, "progress": -1, "details": None,
            "timestamp": rfc3339(now)}  # fmt: skip


def _complete(course: Course, result: Any, message: str, at: datetime) -> Message:
    success = course.status is Status.COMPLETED
    return {
        "type": "complete",
        "task_id": course.task_id,
        "success": success,
        "message": (message or "completed") if success else "cancelled",
        "progress": 100,
        "result": dict(result) if result is not None else None,
        "timestamp": rfc3339(at),
    }


def _error(course: Course, error: str, details: str | None, at: datetime) -> Message:
    return {
        "type": "error",
        "task_id": course.task_id,
        "error": error,
        "progress": -1,
        "details": details,
        "timestamp": rfc3339(at),
    }


def _status(status: Status) -> str:
    return _STATUS.get(status, str(status))
