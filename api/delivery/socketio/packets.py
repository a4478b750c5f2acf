"""Events as packets of the namespace `/tasks`: each is encoded once, whoever gets it and however often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.domain.event import Event
from api.fanout import SocketIO

NAMESPACE = "/tasks"
UPDATE = "task_update"
_KEY = "socketio"


def packets_of(socketio: SocketIO, events: Sequence[Event]) -> list[Any]:
    """One packet per event."""
    return [event.encoded.get(_KEY) or _encoded(socketio, event) for event in events]


def _encoded(socketio: SocketIO, event: Event) -> Any:
    (packet,) = socketio.packets(UPDATE, (event.envelope(),), NAMESPACE)
    event.encoded[_KEY] = packet
    return packet
