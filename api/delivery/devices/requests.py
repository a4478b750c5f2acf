"""What a device may send, checked: `InvalidInput` names the field that is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.delivery.dialects.devices import CANCELLED, completed_data
from api.domain.device_task import OWN_IDS
from api.domain.event import EventType
from api.domain.lifecycle import Status
from api.domain.task import NAME_MAX
from api.errors import Flaw, InvalidInput
from api.services.devices import TYPE, Creation
from api.services.report import Sent

MAX_DIGITS = 16
MAX_MS = 2**53


def creation_request(data: Any, now: datetime) -> Creation:
    """`mode` and `startTime` may be left out: `external`, now."""
    fields = _object(data)
    params = fields.get("formData")
    if params is not None and not isinstance(params, Mapping):
        raise _flaw("formData", "must be an object")
    return Creation(
        client_id=_id(fields),
        params=params or {},
        mode=_short(fields, "mode") or TYPE,
        start_ms=_milliseconds(fields, now),
        server_task_id=_short(fields, "serverTaskId"),
    )


def progress_request(data: Any) -> tuple[int, Sent]:
    fields = _object(data)
    percent = fields.get("progress")
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise _flaw("progress", "must be a number from 0 to 100")
    said = {"message": _text(fields, "message")} if fields.get("message") is not None else {}
    return _id(fields), (EventType.PROGRESS, {"progress_percent": percent, **said})


def completion_request(data: Any) -> tuple[int, Sent]:
    fields = _object(data)
    return _id(fields), (EventType.STATUS_CHANGE, completed_data(fields.get("result")))


def failure_request(data: Any) -> tuple[int, Sent]:
    """The error `cancelled` is as good as a cancel, as it is in the other direction."""
    fields = _object(data)
    error = _text(fields, "error")
    if error == CANCELLED:
        return _id(fields), (EventType.STATUS_CHANGE, {"status": str(Status.CANCELLED), "message": CANCELLED})
    return _id(fields), (EventType.ERROR, {"error": error} if error else {})


def _id(fields: Mapping[str, Any]) -> int:
    """A whole number, also as text: these clients call parseInt on what they hear, and may pass on what they have."""
    value = fields.get("id")
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < OWN_IDS:
        raise _flaw("id", f"must be a whole number from 0 to {OWN_IDS - 1}")
    return value


def _milliseconds(fields: Mapping[str, Any], now: datetime) -> int:
    value = fields.get("startTime")
    if value is None:
        return int(now.timestamp() * 1000)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_MS or math.isnan(value):
        raise _flaw("startTime", "must be a time in milliseconds since 1970")
    return int(value)


def _short(fields: Mapping[str, Any], name: str) -> str:
    text = _text(fields, name)
    if len(text) > NAME_MAX or "\0" in text:
        raise _flaw(name, f"must have at most {NAME_MAX} characters, none of them NUL")
    return text


def _text(fields: Mapping[str, Any], name: str) -> str:
    """ "" for one that is not there."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not _is_unicode(value):
        raise _flaw(name, "must be text")
    return value


def _is_unicode(text: str) -> bool:
    """JSON may carry half a surrogate pair, which no text has."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _object(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise InvalidInput("the message must be an object")
    return data


def _flaw(name: str, message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw((name,), message)])
