"""Tell those who listen to topics: `/ws/realtime` and the Socket.IO namespace `/realtime`.

    from api.realtime import broadcast_alert

    broadcast_alert("disk", "Disk full", "scratch is at 98 %", "critical")
    await broadcast_notification("ada", "Report ready", "It took an hour.", "/reports/7")

From any thread of any process that has the server's settings, and in the code of a task; with `await` or without.
They raise `InvalidInput` for what no client could read, and nothing else: an announcement that cannot be told is
counted and logged.
"""

from __future__ import annotations

import atexit
import json
import math
from collections.abc import Generator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from api.domain import announcement
from api.domain.announcement import Announcement, RuleAction, Severity
from api.errors import Flaw, InvalidInput
from api.execution.announcing import to_the_server

__all__ = [
    "broadcast_alert",
    "broadcast_log",
    "broadcast_notification",
    "broadcast_rule_change",
    "broadcast_stats_update",
    "broadcast_system_event",
]

MAX_BYTES = 32 * 1024
"""Of one message as JSON."""
Choice = TypeVar("Choice", bound=StrEnum)


class Told:
    """What a helper returns: there is nothing to wait for, so `await` is done at once."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


def broadcast_stats_update(stats: Mapping[str, Any], throttle: bool = True) -> Told:
    """Figures of your own for the topic `stats`; `throttle=False`: at once, whatever else is told."""
    return _announce(announcement.stats_update(_clean(stats, "stats"), throttle=throttle))


def broadcast_rule_change(rule_id: str, action: str, details: Mapping[str, Any]) -> Told:
    """`action`: created, updated, deleted or toggled."""
    chosen = _one_of(RuleAction, action, "action")
    return _announce(announcement.rule_change(str(rule_id), chosen, _clean(details, "details")))


def broadcast_system_event(event: str, message: str, data: Mapping[str, Any]) -> Told:
    """Something that concerns the server or the machine."""
    return _announce(announcement.system_event(str(event), str(message), _clean(data, "data")))


def broadcast_log(level: str, message: str, module: str, throttle: bool = True) -> Told:
    """A line for the topic `logs`."""
    return _announce(announcement.log(str(level).lower(), str(message), str(module), throttle=throttle))


def broadcast_alert(alert_type: str, title: str, message: str, severity: str) -> Told:
    """`severity`: info, warning, error or critical."""
    chosen = _one_of(Severity, severity, "severity")
    return _announce(announcement.alert(str(alert_type), str(title), str(message), chosen))


def broadcast_notification(user_id: str | None, title: str, body: str, action_url: str | None) -> Told:
    """For one user, or for everyone: `None`."""
    user, link = None if user_id is None else str(user_id), None if action_url is None else str(action_url)
    return _announce(announcement.notification(user, str(title), str(body), link))


def _announce(told: Announcement) -> Told:
    try:
        size = len(json.dumps(dict(told.fields), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"the message is no JSON: {error}") from None
    if size > MAX_BYTES:
        raise InvalidInput(f"the message has {size} bytes as JSON: {MAX_BYTES} at most; link to the rest")
    if not to_the_server(told):
        _announcer().announce(told)
    return Told()


@cache
def _announcer() -> Any:
    from api.server import runcast

    announcer = runcast().announcements
    atexit.register(announcer.flush)
    return announcer


def _one_of(kind: type[Choice], value: str, name: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise InvalidInput(flaws=[Flaw((name,), f"must be one of {', '.join(kind)}")]) from None


def _clean(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidInput(flaws=[Flaw((name,), "must be a mapping of names to values")])
    return {str(key): _finite(value) for key, value in data.items()}


def _finite(value: Any) -> Any:
    """No JSON parser takes NaN or infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value
