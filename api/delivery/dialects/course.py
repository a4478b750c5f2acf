"""The course of a task as the older protocols tell it: where it stands after each of its events.

Folded from the events alone, so that a connection that replays an old stretch says what was true then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of a task after some event."""

    task_id: str
    status: Status = Status.PENDING
    percent: float = 0.0
    current: int = 0
    total: int | None = None
    message: str = ""
    epochs: int | None = None
    """How many epochs it is to have, of a training."""
    epoch: int = 0
    """The last one that is complete."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Of the last epoch that is complete."""
    best_epoch: int | None = None
    best: float | None = None
    """The highest validation accuracy, and where it was reached; of what has been heard."""


def present(task: Task) -> Course:
    """Where a task stands now."""
    epochs = task.params.get("epochs")
    whole = epochs if type(epochs) is int and epochs > 0 else None
    return Course(
        task_id=task.id,
        status=task.status,
        percent=task.progress_percent,
        current=task.current_iteration,
        total=task.max_iterations,
        message=task.message,
        epochs=whole,
        epoch=task.current_iteration,
        metrics=task.metrics,
    )


def beginning(task: Task) -> Course:
    """Where a task stood before any of its events: what a replay starts from."""
    return Course(task_id=task.id, epochs=present(task).epochs)


def followed(course: Course, event: Event) -> Course:
    """Where the task stands after `event`."""
    data = event.data
    if event.type is EventType.PROGRESS:
        return replace(
            course,
            percent=data["progress_percent"],
            current=data["current_iteration"],
            total=data["max_iterations"],
            message=data.get("message", course.message),
        )
    if event.type is EventType.ITERATION_COMPLETE:
        return epoch_done(course, data["iteration"], data["metrics"])
    if event.type is EventType.STATUS_CHANGE:
        status = Status(data["status"])
        percent = 100.0 if status is Status.COMPLETED else course.percent
        return replace(course, status=status, message=data.get("message") or "", percent=percent)
    if event.type is EventType.ERROR:
        return replace(course, status=Status.FAILED, message=data["error"])
    return course


def epoch_done(course: Course, epoch: int, metrics: Mapping[str, float | None]) -> Course:
    """Where the task stands after an epoch with these metrics."""
    accuracy = metrics.get("val_acc")
    course = replace(course, epoch=epoch, metrics=metrics)
    if accuracy is not None and (course.best is None or accuracy > course.best):
        return replace(course, best=accuracy, best_epoch=epoch)
    return course
