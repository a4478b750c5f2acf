"""The alert rule as a resource, what it did, and what its webhook is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.delivery.dialects.resource import task_resource
from api.domain.event import Event, rfc3339
from api.domain.rule import Delivery, Firing, Rule
from api.domain.task import Task

PRIVATE = frozenset({"params", "config", "result", "worker"})
"""What of a task a webhook is not sent: params may hold secrets, and a result is in the event."""


def rule_resource(rule: Rule, last_delivery: Delivery | None = None, new_secret: str | None = None) -> dict[str, Any]:
    """Without its secret, but for one that was made just now."""
    base = f"/api/rules/{rule.id}"
    actions = [each.as_dict() for each in rule.actions]
    return {
        "id": rule.id,
        "rule_id": rule.id,
        "name": rule.name,
        "owner": rule.owner,
        "created_at": rfc3339(rule.created_at),
        "enabled": rule.enabled,
        "since": rfc3339(rule.since),
        "match": {"type": None, "tag": None, "owner": None} | rule.match.as_dict(),
        "condition": rule.condition.as_dict(),
        "actions": actions,
        "secret": new_secret,
        "cooldown_seconds": rule.cooldown_seconds,
        "fired": rule.fired,
        "last_fired_at": _time(rule.last_fired_at),
        "last_delivery": None if last_delivery is None else delivery_resource(last_delivery),
        "links": {"self": base, "firings": f"{base}/firings", "deliveries": f"{base}/deliveries"},
    }


def firing_resource(firing: Firing) -> dict[str, Any]:
    return {
        "task_id": firing.task_id,
        "seq": firing.seq,
        "reason": firing.reason,
        "at": rfc3339(firing.at),
        "outcome": firing.outcome or None,
    }


def delivery_resource(delivery: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": delivery.id,
        "task_id": delivery.task_id,
        "status": str(delivery.status),
        "attempts": delivery.attempts,
        "created_at": rfc3339(delivery.created_at),
        "tried_at": _time(delivery.tried_at),
        "next_try_at": _time(delivery.due_at),
        "error": delivery.error,
    }


def webhook_body(rule: Rule, task: Task, event: Event, firing: Firing, delivery_id: str) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "delivery_id": delivery_id,
        "rule": {
            "id": rule.id,
            "name": rule.name,
            "owner": rule.owner,
            "condition": rule.condition.as_dict(),
            "links": {"self": f"/api/rules/{rule.id}"},
        },
        "reason": firing.reason,
        "outcome": firing.outcome or None,
        "fired_at": rfc3339(firing.at),
        "task": {name: value for name, value in task_resource(task).items() if name not in PRIVATE},
        "event": event.envelope(),
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
