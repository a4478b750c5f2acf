"""The task as a value, and what an event changes in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from api.domain.dependency import OnParentFailure
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status, leads_to
from api.errors import Conflict

PRIORITY_MIN, PRIORITY_MAX = -100, 100
PRIORITY_SECONDS = 60
"""One step of priority is worth so much waiting: who waits long enough comes before everyone."""
NAME_MAX = 200
TAG_MAX = 64
TAGS_MAX = 20


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of long-running work. Ids are UUID strings, times aware and UTC."""

    id: str
    type: str
    owner: str
    created_at: datetime
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0
    """Each step is worth a minute of waiting: see `urgency`."""
    status: Status = Status.PENDING
    progress_percent: float = 0.0
    current_iteration: int = 0
    max_iterations: int | None = None
    message: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    eta_seconds: float | None = None
    attempt: int = 0
    max_attempts: int = 1
    timeout_seconds: float | None = None
    retry_of: str | None = None
    pending_command: str | None = None
    """`pause`, `resume` or `cancel` when asked for and not yet in effect."""
    worker: str | None = None
    lease_id: str | None = None
    """The present grant to a worker; a report under another one is refused."""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    artifact_dir: str | None = None
    """Where its files stand, relative to the data folder."""
    last_seq: int = 0
    trimmed_seq: int = 0
    """Events up to this seq may be gone; every one after it is stored."""
    run_at: datetime | None = None
    """Not before then, as whoever submitted it wished."""
    due_at: datetime | None = None
    """When it may start: `run_at`, or when the next try is due; None for at once."""
    batch_id: str | None = None
    schedule_id: str | None = None
    """The schedule that submitted it."""
    depends_on: tuple[str, ...] = ()
    """Tasks that must have completed before it starts."""
    waiting_on: tuple[str, ...] = ()
    """Those of them that have not: it is not due as long as there are any."""
    stalled: bool = False
    """It has not been heard of for much longer than usual."""
    on_parent_failure: OnParentFailure = OnParentFailure.CANCEL
    """What becomes of it when one of `depends_on` fails or is cancelled before it could start."""
    heard_at: datetime | None = None
    """When whoever reports it was last heard of; None for what this server runs itself."""
    usual_silence: float = 0.0
    """Seconds between two signs of life of its reporter, at most, as it has been lately."""
    size: str = ""
    """Tasks of a type that have the same are the same work: see `estimate.size_of`."""
    worked_seconds: float | None = 0.0
    """How long it was `running`, in all attempts, up to `working_since`; None when that is not known."""
    working_since: datetime | None = None
    """Since when it has been `running` this time; None while it is not."""

    @property
    def urgency(self) -> tuple[datetime, str]:
        """The least one is next in line."""
        return self.created_at - self.priority * timedelta(seconds=PRIORITY_SECONDS), self.id

    def is_due(self, at: datetime) -> bool:
        """Whether it waits for nothing but a free worker."""
        return self.status is Status.PENDING and not self.waiting_on and (self.due_at is None or self.due_at <= at)

    @property
    def first_seq(self) -> int:
        """From here on every event is stored."""
        return self.trimmed_seq + 1

    @property
    def terminal(self) -> bool:
        return self.status.terminal


def begun(task: Task, event: Event) -> Task:
    """`applied` for the first event of a task, which says where it stands: at a third of the time."""
    since = event.at if task.status is Status.RUNNING else None
    return replace(task, last_seq=event.seq, message=event.data["message"], started_at=since, working_since=since)


def applied(task: Task, event: Event) -> Task:
    """The task after `event`; `Conflict` where the lifecycle has no such transition."""
    if task.terminal:
        raise Conflict(f"the task has ended ({task.status}): nothing can be added to it")
    changes = _EFFECTS[event.type](task, event)
    changes["last_seq"] = event.seq
    status = changes.get("status", task.status)
    if (status is Status.RUNNING) is (task.working_since is None):
        changes |= _clocked(task, event.at)
    if event.terminal:
        changes |= {"completed_at": event.at, "pending_command": None, "eta_seconds": None, "lease_id": None}
    return replace(task, **changes)  # once: with so many fields it takes as long as all the rest


def _clocked(task: Task, at: datetime) -> dict[str, Any]:
    """What changes as the task begins to work, or has ceased to."""
    if task.working_since is None:
        return {"working_since": at}
    worked = task.worked_seconds
    if worked is not None:
        worked += max(0.0, (at - task.working_since).total_seconds())
    return {"worked_seconds": worked, "working_since": None}


def _status_change(task: Task, event: Event) -> dict[str, Any]:
    status = Status(event.data["status"])
    if status is not task.status and not leads_to(task.status, status):
        raise Conflict(f"a {task.status} task cannot become {status}")
    changes: dict[str, Any] = {"status": status, "message": event.data.get("message") or ""}
    if status is Status.RUNNING and task.started_at is None:
        changes["started_at"] = event.at
    if status is Status.COMPLETED:
        changes |= {"result": event.data.get("result"), "progress_percent": 100.0}
    return changes


def _progress(task: Task, event: Event) -> dict[str, Any]:
    data = event.data
    return {
        "progress_percent": data["progress_percent"],
        "current_iteration": data["current_iteration"],
        "max_iterations": data["max_iterations"],
        "message": data.get("message", task.message),
        "eta_seconds": data.get("eta_seconds"),
    }


def _iteration(task: Task, event: Event) -> dict[str, Any]:
    return {"metrics": {**task.metrics, **event.data["metrics"]}}


def _log(task: Task, event: Event) -> dict[str, Any]:
    return {}


def _error(task: Task, event: Event) -> dict[str, Any]:
    if not leads_to(task.status, Status.FAILED):
        raise Conflict(f"a {task.status} task cannot become failed")
    return {"status": Status.FAILED, "error": event.data["error"], "message": event.data["error"]}


_EFFECTS = {
    EventType.STATUS_CHANGE: _status_change,
    EventType.PROGRESS: _progress,
    EventType.ITERATION_COMPLETE: _iteration,
    EventType.LOG: _log,
    EventType.ERROR: _error,
}
