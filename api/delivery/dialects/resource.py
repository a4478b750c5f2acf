"""The task as a resource: what REST answers and `subscribed` carries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.domain.estimate import UNKNOWN, Outlook
from api.domain.event import rfc3339
from api.domain.task import Task


def task_resource(task: Task, queue_position: int | None = None, outlook: Outlook = UNKNOWN) -> dict[str, Any]:
    """Every field of the wire contract's task resource, JSON-ready."""
    return {
        "id": task.id,
        "task_id": task.id,
        "type": task.type,
        "name": task.name,
        "tags": list(task.tags),
        "owner": task.owner,
        "status": str(task.status),
        "progress_percent": task.progress_percent,
        "current_iteration": task.current_iteration,
        "max_iterations": task.max_iterations,
        "message": task.message,
        "metrics": dict(task.metrics),
        "params": dict(task.params),
        "config": dict(task.params),
        "priority": task.priority,
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "batch_id": task.batch_id,
        "schedule_id": task.schedule_id,
        "retry_of": task.retry_of,
        "depends_on": list(task.depends_on),
        "waiting_on": list(task.waiting_on),
        "on_parent_failure": str(task.on_parent_failure),
        "run_at": _time(task.run_at),
        "due_at": _time(task.due_at),
        "queue_position": queue_position,
        "estimated_start_at": _time(outlook.starts_at),
        "estimated_end_at": _time(outlook.ends_at),
        "expected_seconds": outlook.expected_seconds,
        "expected_from": str(outlook.basis) if outlook.basis else None,
        "eta_seconds": task.eta_seconds,
        "stalled": task.stalled,
        "heard_at": _time(task.heard_at),
        "pending_command": task.pending_command,
        "worker": task.worker,
        "created_at": rfc3339(task.created_at),
        "started_at": _time(task.started_at),
        "completed_at": _time(task.completed_at),
        "result": dict(task.result) if task.result is not None else None,
        "error": task.error,
        "first_seq": task.first_seq,
        "last_seq": task.last_seq,
        "links": task_links(task.id),
    }


def task_links(task_id: str) -> dict[str, str]:
    base = f"/api/tasks/{task_id}"
    return {
        "self": base,
        "events": f"{base}/events",
        "stream": f"{base}/stream",
        "result": f"{base}/result",
        "page": f"/tasks/{task_id}",
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
