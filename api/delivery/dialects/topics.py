"""What the protocol of topics says beside the announcements themselves, and what its clients may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.announcement import Topic
from api.domain.event import rfc3339
from api.errors import InvalidInput

DEFAULT = Topic.STATS
"""Subscribed from the beginning."""
BATCH = "batch"
Message = dict[str, Any]


class Action(StrEnum):
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    PING = "ping"


@dataclass(frozen=True, slots=True)
class Request:
    action: Action
    topic: Topic = DEFAULT


def connected(client_id: str, at: datetime) -> Message:
    return {
        "type": "connected",
        "client_id": client_id,
        "timestamp": rfc3339(at),
        "available_topics": [str(topic) for topic in Topic],
    }


def subscription(topic: Topic, at: datetime) -> Message:
    return {"type": "subscription", "topic": str(topic), "success": True, "timestamp": rfc3339(at)}


def unsubscription(topic: Topic, at: datetime) -> Message:
    return subscription(topic, at) | {"type": "unsubscription"}


def pong(at: datetime) -> Message:
    return {"type": "pong", "timestamp": rfc3339(at)}


def error(reason: str, at: datetime) -> Message:
    return {"type": "error", "message": reason, "timestamp": rfc3339(at)}


def together(topic: Topic, count: int, items: Sequence[Mapping[str, Any]], at: datetime) -> Message | None:
    """What stands for `count` messages of which `items` are the last: one as it is, a batch of more, None for none."""
    if count <= 1:
        return dict(items[0]) if items else None
    return {
        "type": BATCH,
        "topic": str(topic),
        "count": count,
        "items": list(items),
        "timestamp": rfc3339(at),
    }


def request_of(message: Any) -> Request:
    """What a client asks for; `InvalidInput` for anything else. Older ones write `type` for `action`."""
    if not isinstance(message, dict):
        raise InvalidInput('a message is a JSON object such as {"action": "subscribe", "topic": "alerts"}')
    wish = message.get("action", message.get("type"))
    if not isinstance(wish, str) or wish not in set(Action):
        raise InvalidInput(f"action must be one of {', '.join(Action)}")
    return Request(Action.PING) if wish == Action.PING else Request(Action(wish), topic_of(message))


def topic_of(message: Any) -> Topic:
    """The topic that a message names; `InvalidInput` where it names none that there is."""
    name = message.get("topic") if isinstance(message, dict) else None
    if not isinstance(name, str) or name not in set(Topic):
        raise InvalidInput(f"topic must be one of {', '.join(Topic)}")
    return Topic(name)
