"""Announcements: what the server tells about itself by topic. No history, no numbers: who listens hears them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.event import rfc3339


class Topic(StrEnum):
    STATS = "stats"
    RULES = "rules"
    SYSTEM = "system"
    LOGS = "logs"
    ALERTS = "alerts"
    NOTIFICATIONS = "notifications"


class RuleAction(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    TOGGLED = "toggled"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


THROTTLED = frozenset({Topic.STATS, Topic.LOGS})
"""Of these, what comes within 100 ms of one leaves together."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message of a topic. `owner`: the user whom alone it concerns, None = everyone."""

    topic: Topic
    type: str
    fields: Mapping[str, Any]
    owner: str | None = None
    throttle: bool = True
    """Whether it may wait for others where the topic is throttled."""

    def message(self, at: datetime) -> dict[str, Any]:
        """As it is sent."""
        return {"type": self.type, "topic": str(self.topic), **self.fields, "timestamp": rfc3339(at)}


def stats_update(stats: Mapping[str, Any], *, throttle: bool = True) -> Announcement:
    return Announcement(Topic.STATS, "stats_update", {"data": dict(stats)}, throttle=throttle)


def rule_change(
    rule_id: str, action: RuleAction, details: Mapping[str, Any], *, owner: str | None = None
) -> Announcement:
    fields = {"rule_id": rule_id, "action": str(action), "details": dict(details)}
    return Announcement(Topic.RULES, "rule_change", fields, owner)


def system_event(event: str, message: str, data: Mapping[str, Any]) -> Announcement:
    return Announcement(Topic.SYSTEM, "system_event", {"event": event, "message": message, "data": dict(data)})


def log(level: str, message: str, module: str, *, owner: str | None = None, throttle: bool = True) -> Announcement:
    fields = {"level": level, "message": message, "module": module}
    return Announcement(Topic.LOGS, "log", fields, owner, throttle)


def alert(alert_type: str, title: str, message: str, severity: Severity, *, owner: str | None = None) -> Announcement:
    """`owner`: whose task it is about, None where it is about the server."""
    fields = {"alert_type": alert_type, "title": title, "message": message, "severity": str(severity)}
    return Announcement(Topic.ALERTS, "alert", fields, owner)


def notification(user_id: str | None, title: str, body: str, action_url: str | None) -> Announcement:
    fields = {"user_id": user_id, "title": title, "body": body, "action_url": action_url}
    return Announcement(Topic.NOTIFICATIONS, "notification", fields, user_id)
