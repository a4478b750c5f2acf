"""The messages of `/ws/training/<id>` and `/ws/training/all`, and the jobs of its REST routes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.delivery.dialects.course import Course, present
from api.domain.event import Event, EventType, rfc3339
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.workloads.training.progress import BatchProgress, read

Message = dict[str, Any]
TYPE = "training"
"""The task type whose tasks are jobs here."""
EPOCH_METRICS = ("train_loss", "val_loss", "train_acc", "val_acc", "learning_rate")
_STATUS = {Status.CANCELLED: "stopped"}


def status_update(course: Course) -> Message:
    return {
        "type": "status_update",
        "job_id": course.task_id,
        "status": _status(course.status),
        "progress": course.percent,
        "epoch": course.epoch,
        "loss": course.metrics.get("train_loss"),
        "accuracy": course.metrics.get("val_acc"),
    }


def news(course: Course, event: Event) -> list[Message]:
    """What `event` is here; `course` is where it has brought the task."""
    if event.type is EventType.ERROR:
        return [error(course.task_id, event.data["error"]), status_update(course)]
    if event.type is EventType.STATUS_CHANGE:
        return [_complete(course, event.data.get("result"))] if course.status.terminal else [status_update(course)]
    if event.type is EventType.ITERATION_COMPLETE:
        metrics = {name: course.metrics.get(name) for name in EPOCH_METRICS}
        done = {"type": "epoch_complete", "job_id": course.task_id, "epoch": course.epoch, **metrics}
        return [done, status_update(course)]
    if event.type is EventType.PROGRESS:
        return [_batch(course.task_id, place)] if (place := read(event.data)) else [status_update(course)]
    return []


def error(job_id: str | None, message: str) -> Message:
    return {"type": "error", "job_id": job_id, "message": message}


def heartbeat(now: datetime) -> Message:
    return {"type": "heartbeat", "timestamp": rfc3339(now)}


def acknowledged(job_id: str, action: str, *, ok: bool, status: Status, message: str = "") -> Message:
    said = {"message": message} if message else {}
    return {"type": "control_ack", "job_id": job_id, "action": action, "ok": ok, "status": _status(status), **said}


def ending(task: Task, course: Course) -> Message:
    """The last message, for who comes after the end."""
    return error(task.id, task.error or "failed") if task.status is Status.FAILED else _complete(course, task.result)


def job(task: Task) -> dict[str, Any]:
    """A training task as the REST routes of this protocol's clients show it."""
    course = present(task)
    return {
        "id": task.id,
        "name": task.name or task.id[:8],
        "status": _status(task.status),
        "progress": course.percent,
        "epoch": course.epoch,
        "totalEpochs": course.epochs,
        "loss": course.metrics.get("train_loss"),
        "accuracy": course.metrics.get("val_acc"),
        "startTime": rfc3339(task.started_at) if task.started_at else None,
    }


def _complete(course: Course, result: Any) -> Message:
    metrics = {name: course.metrics.get(name) for name in EPOCH_METRICS}
    best = result.get("best") if isinstance(result, Mapping) else None
    if not isinstance(best, Mapping):
        best = {"epoch": course.best_epoch, "val_acc": course.best}
    return {
        "type": "training_complete",
        "job_id": course.task_id,
        "status": _status(course.status),
        "progress": 100,
        "epochs": course.epoch,
        "metrics": metrics,
        "best": {"epoch": best.get("epoch"), "val_acc": best.get("val_acc")},
    }


def _batch(job_id: str, place: BatchProgress) -> Message:
    return {
        "type": "batch_progress",
        "job_id": job_id,
        "epoch": place.epoch,
        "batch": place.batch,
        "total_batches": place.total_batches,
    }


def _status(status: Status) -> str:
    return _STATUS.get(status, str(status))
