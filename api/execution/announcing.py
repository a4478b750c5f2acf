"""What the code of a task announces: it goes up with its reports, as the child has no settings and no journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.domain.announcement import Announcement, Topic

Send = Callable[[dict[str, Any]], None]
_send: Send | None = None


def connect(send: Send) -> None:
    """This process is a child of a server: `send` takes what is for it."""
    global _send
    _send = send


def to_the_server(told: Announcement) -> bool:
    """Whether this process is the child of a server, which has been given the announcement then."""
    if _send is None:
        return False
    _send(announce_message(told))
    return True


def announce_message(told: Announcement) -> dict[str, Any]:
    return {
        "say": "announce",
        "topic": str(told.topic),
        "type": told.type,
        "fields": dict(told.fields),
        "owner": told.owner,
        "throttle": told.throttle,
    }


def read_announcement(message: dict[str, Any]) -> Announcement | None:
    """What the message says; None when it is none."""
    topic, owner = message.get("topic"), message.get("owner")
    if not isinstance(topic, str) or topic not in set(Topic) or not (owner is None or isinstance(owner, str)):
        return None
    kind, fields, throttle = message.get("type"), message.get("fields"), message.get("throttle")
    if not isinstance(kind, str) or not isinstance(fields, dict) or not isinstance(throttle, bool):
        return None
    return Announcement(Topic(topic), kind, fields, owner, throttle)
