"""Announcements: what the server tells about itself by topic. No history, no numbers: who listens hears them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.event import rfc3339
from api.domain.permission import LOCAL, Principal, Role


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


ADMINS = ""
"""The owner of what is for administrators only; nobody has this name."""
THROTTLED = frozenset({Topic.STATS, Topic.LOGS})
"""Of these, what comes within 100 ms of one leaves together."""

KEPT = 10
"""Messages that are shown of many which leave together, the last ones."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Messages of one topic on their way: `items`, as they are sent, are the last of `count`.

    `owner`: the user whom they concern, None = everyone. `throttle`: whether they may wait for others where the
    topic is throttled.
    """

    topic: Topic
    items: Sequence[Mapping[str, Any]]
    count: int = 1
    owner: str | None = None
    throttle: bool = True

    def is_for(self, principal: Principal) -> bool:
        """An administrator hears what concerns others too, but not their notifications."""
        if self.owner in (None, principal.user) or principal == LOCAL:
            return True
        return principal.role is Role.ADMIN and self.topic is not Topic.NOTIFICATIONS


class Gathering:
    """Messages of one topic that wait to leave together: how many, and the last ones. Bounded, however many come."""

    __slots__ = ("_count", "_kept")

    def __init__(self) -> None:
        self._count = 0
        self._kept: deque[Mapping[str, Any]] = deque(maxlen=KEPT)

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, parcel: Parcel) -> None:
        self._count += parcel.count
        self._kept.extend(parcel.items)

    def taken(self) -> tuple[int, tuple[Mapping[str, Any], ...]]:
        """How many there were, and the last ones of them. Then it is empty."""
        taken = self._count, tuple(self._kept)
        self._count = 0
        self._kept.clear()
        return taken


@dataclass(frozen=True, slots=True)
class Announcement:
    """One message of a topic, without its time; the rest as of a `Parcel`."""

    topic: Topic
    type: str
    fields: Mapping[str, Any]
    owner: str | None = None
    throttle: bool = True

    def parcel(self, at: datetime) -> Parcel:
        """With the message as it is sent."""
        message = {"type": self.type, "topic": str(self.topic), **self.fields, "timestamp": rfc3339(at)}
        return Parcel(self.topic, (message,), 1, self.owner, self.throttle)


def stats_update(stats: Mapping[str, Any], *, throttle: bool = True) -> Announcement:
    return Announcement(Topic.STATS, "stats_update", {"data": dict(stats)}, throttle=throttle)


def rule_change(
    rule_id: str, action: RuleAction, details: Mapping[str, Any], *, owner: str | None = None
) -> Announcement:
    fields = {"rule_id": rule_id, "action": str(action), "details": dict(details)}
    return Announcement(Topic.RULES, "rule_change", fields, owner)


def system_event(event: str, message: str, data: Mapping[str, Any]) -> Announcement:
    return Announcement(Topic.SYSTEM, "system_event", {"event": event, "message": message, "data": dict(data)})


def log(
    level: str,
    message: str,
    module: str,
    *,
    owner: str | None = None,
    throttle: bool = True,
    task_id: str | None = None,
) -> Announcement:
    """`task_id`: of the task that says it."""
    fields = {"level": level, "message": message, "module": module}
    if task_id is not None:
        fields["task_id"] = task_id
    return Announcement(Topic.LOGS, "log", fields, owner, throttle)


def alert(
    alert_type: str,
    title: str,
    message: str,
    severity: Severity,
    *,
    owner: str | None = None,
    link: str | None = None,
) -> Announcement:
    """`owner`: whose task it is about, None where it is about the server; `link`: the page of what it is about."""
    fields = {"alert_type": alert_type, "title": title, "message": message, "severity": str(severity)}
    if link is not None:
        fields["action_url"] = link
    return Announcement(Topic.ALERTS, "alert", fields, owner)


def notification(user_id: str | None, title: str, body: str, action_url: str | None) -> Announcement:
    fields = {"user_id": user_id, "title": title, "body": body, "action_url": action_url}
    return Announcement(Topic.NOTIFICATIONS, "notification", fields, user_id)
