"""Events as the older protocols have them, message by message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.delivery.dialects import task_socket, training
from api.delivery.dialects.course import Course, beginning, followed, present
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from tests.support.stores import a_task

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
STAMP = "2026-01-02T03:04:05.678901Z"


def event(kind: EventType, seq: int = 1, **data: Any) -> Event:
    return Event("the-task", seq, kind, data, AT)


def status(name: str, message: str = "", **more: Any) -> Event:
    return event(EventType.STATUS_CHANGE, status=name, message=message, attempt=1, **more)


def progress(current: int, total: int | None, percent: float, **more: Any) -> Event:
    return event(EventType.PROGRESS, attempt=1, current_iteration=current, max_iterations=total,
                 progress_percent=percent, **more)  # fmt: skip


def epoch(number: int, val_acc: float | None, **more: Any) -> Event:
    metrics = {"train_loss": 0.5, "val_loss": 0.6, "train_acc": 0.8, "val_acc": val_acc, "learning_rate": 0.01, **more}
    return event(EventType.ITERATION_COMPLETE, attempt=1, iteration=number, metrics=metrics)


def told(course: Course, events: list[Event], news: Any) -> list[Any]:
    said = []
    for each in events:
        course = followed(course, each)
        said.append(news(course, each))
    return said


# -- /ws/task -----------------------------------------------------------------------------------------


def test_a_task_from_beginning_to_end() -> None:
    begun = {"type": "progress", "task_id": "the-task", "current": 0, "total": None, "progress": 0.0,
             "timestamp": STAMP}  # fmt: skip
    half = begun | {"current": 5, "total": 10, "progress": 50.0, "status": "processing"}
    assert told(
        Course("the-task"),
        [
            status("pending", "waiting for a free worker"),
            status("running", "attempt 1 started"),
            progress(5, 10, 50.0, message="half"),
            event(EventType.LOG, level="info", message="a line"),
            event(EventType.ITERATION_COMPLETE, attempt=1, iteration=1, metrics={"loss": 1.0}),
            status("paused", "paused"),
            status("running", "running again"),
            progress(6, 10, 60.0),
            status("completed", "completed", result={"answer": 42}),
        ],
        task_socket.news,
    ) == [
        begun | {"status": "pending", "message": "waiting for a free worker"},
        begun | {"status": "processing", "message": "attempt 1 started"},
        half | {"message": "half"},
        None,
        None,
        half | {"status": "paused", "message": "paused"},
        half | {"message": "running again"},
        half | {"current": 6, "progress": 60.0, "message": "running again"},
        {"type": "complete", "task_id": "the-task", "success": True, "message": "completed", "progress": 100,
         "result": {"answer": 42}, "timestamp": STAMP},
    ]  # fmt: skip


def test_the_other_ends_of_a_task() -> None:
    [cancelled] = told(Course("the-task"), [status("cancelled", "cancelled before it started")], task_socket.news)
    assert cancelled == {"type": "complete", "task_id": "the-task", "success": False, "message": "cancelled",
                         "progress": 100, "result": None, "timestamp": STAMP}  # fmt: skip
    [failed] = told(
        Course("the-task"),
        [event(EventType.ERROR, status="failed", error="no luck", attempt=1, traceback="Traceback …")],
        task_socket.news,
    )
    assert failed == {"type": "error", "task_id": "the-task", "error": "no luck", "progress": -1,
                      "details": "Traceback …", "timestamp": STAMP}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "kind", "rest"),
    [
        ({"status": Status.COMPLETED, "result": {"a": 1}}, "complete", {"success": True, "result": {"a": 1}}),
        ({"status": Status.CANCELLED}, "complete", {"success": False, "message": "cancelled", "result": None}),
        ({"status": Status.FAILED, "error": "no luck"}, "error", {"error": "no luck", "progress": -1, "details": None}),
    ],
)
def test_who_comes_after_the_end_hears_it(changes: dict[str, Any], kind: str, rest: dict[str, Any]) -> None:
    task = replace(a_task(1), completed_at=AT, **changes)
    assert {"type": kind, "task_id": task.id, "timestamp": STAMP, **rest}.items() <= task_socket.ending(task).items()


def test_the_first_message_says_where_the_task_stands() -> None:
    task = replace(a_task(1), status=Status.RUNNING, progress_percent=12.5)
    assert task_socket.connected(task, AT) == {
        "type": "connected", "task_id": task.id, "message": f"connected to task {task.id}",
        "current_status": "processing", "current_progress": 12.5, "timestamp": STAMP,
    }  # fmt: skip
    assert task_socket.pong(AT) == {"type": "pong", "timestamp": STAMP}


# -- /ws/training -------------------------------------------------------------------------------------


def a_job(**changes: Any) -> Task:
    return replace(a_task(1, type="training", params={"epochs": 2}), **changes)


def test_a_training_from_beginning_to_end() -> None:
    job = a_job()
    state = {"type": "status_update", "job_id": job.id, "loss": None, "accuracy": None, "epoch": 0, "progress": 0.0}
    metrics = {"train_loss": 0.5, "val_loss": 0.6, "train_acc": 0.8, "val_acc": 0.9, "learning_rate": 0.01}
    first = {"epoch": 1, "loss": 0.5, "accuracy": 0.9}
    assert told(
        beginning(job),
        [
            status("running", "attempt 1 started"),
            progress(0, 2, 16.67, message="epoch 1 of 2, batch 1 of 3"),
            epoch(1, 0.9, extra=1.0),
            progress(1, 2, 66.67, message="epoch 2 of 2, batch 1 of 3"),
            status("paused", "paused"),
            status("running", "running again"),
            epoch(2, 0.7),
            status("completed", "completed", result={"model": "model.npz"}),
        ],
        training.news,
    ) == [
        [state | {"status": "running"}],
        [{"type": "batch_progress", "job_id": job.id, "epoch": 1, "batch": 1, "total_batches": 3}],
        [{"type": "epoch_complete", "job_id": job.id, "epoch": 1, **metrics},
         state | first | {"status": "running", "progress": 16.67}],
        [{"type": "batch_progress", "job_id": job.id, "epoch": 2, "batch": 1, "total_batches": 3}],
        [state | first | {"status": "paused", "progress": 66.67}],
        [state | first | {"status": "running", "progress": 66.67}],
        [{"type": "epoch_complete", "job_id": job.id, "epoch": 2, **metrics, "val_acc": 0.7},
         state | first | {"epoch": 2, "accuracy": 0.7, "status": "running", "progress": 66.67}],
        [{"type": "training_complete", "job_id": job.id, "status": "completed", "progress": 100, "epochs": 2,
          "metrics": metrics | {"val_acc": 0.7}, "best": {"epoch": 1, "val_acc": 0.9}}],
    ]  # fmt: skip


def test_the_best_epoch_is_what_the_training_itself_says() -> None:
    end = status("completed", "completed", result={"best": {"epoch": 7, "val_acc": 0.98}})
    [[complete]] = told(Course("the-task"), [end], training.news)
    assert {"epoch": 7, "val_acc": 0.98} == complete["best"]


def test_the_other_ends_of_a_training() -> None:
    [[stopped]] = told(Course("the-task"), [status("cancelled", "cancelled")], training.news)
    assert ("training_complete", "stopped", {"epoch": None, "val_acc": None}) == (
        stopped["type"], stopped["status"], stopped["best"],
    )  # fmt: skip
    [failed] = told(Course("the-task"), [event(EventType.ERROR, status="failed", error="diverged")], training.news)
    assert {"type": "error", "job_id": "the-task", "message": "diverged"} == failed[0]
    assert "failed" == failed[1]["status"]


def test_a_metric_that_is_no_number_is_null_and_never_the_best() -> None:
    course = followed(followed(Course("the-task"), epoch(1, 0.4)), epoch(2, None))
    assert (2, None, 1, 0.4) == (course.epoch, course.metrics["val_acc"], course.best_epoch, course.best)


def test_a_job_as_the_rest_routes_show_it() -> None:
    job = a_job(name="digits", status=Status.CANCELLED, progress_percent=50.0, current_iteration=1, max_iterations=2,
                metrics={"train_loss": 0.5, "val_acc": 0.9}, started_at=AT)  # fmt: skip
    assert training.job(job) == {
        "id": job.id, "name": "digits", "status": "stopped", "progress": 50.0, "epoch": 1, "totalEpochs": 2,
        "loss": 0.5, "accuracy": 0.9, "startTime": STAMP,
    }  # fmt: skip
    assert present(job).epoch == 1
