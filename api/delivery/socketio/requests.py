"""What a client may send in `/tasks`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.delivery.socketio.member import Types
from api.domain.event import EventType
from api.domain.lifecycle import Command
from api.errors import Flaw, InvalidInput

MAX_ID = 64
MAX_SEQ = 2**53
RETRY = "retry"
EVERY_TASK = "*"
_ACTIONS = {
    "pause": Command.PAUSE,
    "resume": Command.RESUME,
    "cancel": Command.CANCEL,
    "stop": Command.CANCEL,
}


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    task_id: str
    since: int | None
    epoch: str | None
    types: Types | None


def subscribe_request(data: Any) -> SubscribeRequest:
    """`InvalidInput` names the field that is wrong."""
    fields = _object(data)
    since = fields.get("since")
    if since is not None and (isinstance(since, bool) or not isinstance(since, int) or not 0 <= since < MAX_SEQ):
        raise _flaw("since", "must be a whole number of at least 0")
    epoch = fields.get("epoch")
    if epoch is not None and not isinstance(epoch, str):
        raise _flaw("epoch", "must be a string")
    return SubscribeRequest(_task_id(fields), since, epoch, _types(fields.get("events")))


def task_id_of(data: Any) -> str:
    return _task_id(_object(data))


def control_request(data: Any) -> tuple[str, str, Command | None]:
    """(task_id, action as sent, command); the command is None for `retry`, which makes a new task."""
    fields = _object(data)
    action = fields.get("action")
    if action == RETRY:
        return _task_id(fields), RETRY, None
    if not isinstance(action, str) or action not in _ACTIONS:
        raise _flaw("action", f"must be one of {', '.join([*_ACTIONS, RETRY])}")
    return _task_id(fields), action, _ACTIONS[action]


def report_request(data: Any) -> tuple[str, str, dict[str, Any]]:
    """(task_id, event_type, data); what the data must hold is for the event's type to say."""
    fields = _object(data)
    event_type, content = fields.get("event_type"), fields.get("data")
    if not isinstance(event_type, str):
        raise _flaw("event_type", f"must be one of {', '.join(EventType)}")
    if not isinstance(content, dict):
        raise _flaw("data", "must be an object")
    return _task_id(fields), event_type, content


def _types(value: Any) -> Types | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > len(EventType):
        raise _flaw("events", "must be a list of event types")
    try:
        return frozenset(EventType(name) for name in value)
    except ValueError:
        raise _flaw("events", f"may only hold {', '.join(EventType)}") from None


def _task_id(fields: dict[str, Any]) -> str:
    task_id = fields.get("task_id")
    if not isinstance(task_id, str) or not 0 < len(task_id) <= MAX_ID:
        raise _flaw("task_id", "must be the id of a task")
    return task_id


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InvalidInput("the message must be an object")
    return data


def _flaw(name: str, message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw((name,), message)])
