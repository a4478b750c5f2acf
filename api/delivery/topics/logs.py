"""The server's own log as a topic."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from api.delivery.topics.hub import Topics
from api.domain.announcement import ADMINS, Topic, log

LONGEST = 8 * 1024
"""Characters of a line that are told."""


class TopicHandler(logging.Handler):
    """Announces each record while somebody listens; nothing that it does may log."""

    def __init__(self, topics: Topics) -> None:
        super().__init__()
        self._topics = topics

    def createLock(self) -> None:
        """It needs none: the hub of topics has one that every thread can share."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        if self._topics.wanted(Topic.LOGS):
            self._topics.announce(log(record.levelname.lower(), text_of(record)[:LONGEST], record.name, owner=ADMINS))


def text_of(record: logging.LogRecord) -> str:
    """structlog hands over its fields as they are; others a text."""
    if not isinstance(record.msg, Mapping):
        return record.getMessage()
    fields = [f"{name}={value}" for name, value in record.msg.items() if name not in _SHOWN_ELSEWHERE]
    return " ".join([str(record.msg.get("event", "")), *fields])


_SHOWN_ELSEWHERE = {"event", "level", "logger", "timestamp", "exc_info"}
