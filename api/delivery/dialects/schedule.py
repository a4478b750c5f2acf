"""The schedule as a resource."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.domain.event import rfc3339
from api.domain.schedule import Schedule


def schedule_resource(schedule: Schedule) -> dict[str, Any]:
    return {
        "id": schedule.id,
        "schedule_id": schedule.id,
        "name": schedule.name,
        "owner": schedule.owner,
        "created_at": rfc3339(schedule.created_at),
        "task": dict(schedule.task),
        "cron": schedule.timing.cron,
        "every_seconds": schedule.timing.every_seconds,
        "timezone": schedule.timing.timezone,
        "missed_runs": str(schedule.missed_runs),
        "overlap": str(schedule.overlap),
        "paused": schedule.paused,
        "next_run_at": _time(schedule.next_run_at),
        "last_run_at": _time(schedule.last_run_at),
        "last_task_id": schedule.last_task_id,
        "skipped_runs": schedule.skipped_runs,
        "last_error": schedule.last_error,
        "links": {"self": f"/api/schedules/{schedule.id}", "tasks": f"/api/tasks?schedule_id={schedule.id}"},
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
