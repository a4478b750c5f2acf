"""The dialect of Server-Sent Events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import json
from typing import Any

from api.domain.event import Event, EventType

HEARTBEAT = ": heartbeat\n\n"
TASK_ERROR = "task_error"
"""A browser takes an event named `error` for a lost connection."""

EVENT_NAMES = (*(str(type) for type in EventType if type is not EventType.ERROR), TASK_ERROR, "reset", "end")
"""Everything that the `event:` line of a stream may say."""


def event_block(event: Event, epoch: str) -> str:
    name = TASK_ERROR if event.type is EventType.ERROR else str(event.type)
    return block(name, event.envelope(), identifier=f"{epoch}:{event.seq}")


def block(name: str, data: Any, identifier: str | None = None) -> str:
    """One event of the stream; JSON without line breaks needs one `data` line."""
    head = f"id: {identifier}\n" if identifier is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


def parse_last_event_id(value: str) -> tuple[str, int] | None:
    """(epoch, seq) of a `Last-Event-ID`; None for what we never sent."""
    epoch, colon, seq = value.rpartition(":")
    if not colon or not epoch or not seq.isascii() or not seq.isdigit() or len(seq) > 16:
        return None
    return epoch, int(seq)
