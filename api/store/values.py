"""How values of the domain look in a column, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_ascii_encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC, exactly: a float would be off by up to a half from 2004 on."""
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def to_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """Text that a search finds words of any language in. `ValueError` for NaN and infinity."""
    if not value:
        return "{}" if isinstance(value, Mapping) else "[]"
    plain = dict(value) if isinstance(value, Mapping) else list(value)
    text = _encoder.encode(plain)
    return text if _is_utf8(text) else _ascii_encoder.encode(plain)


def _is_utf8(text: str) -> bool:
    """Half a surrogate pair, which JSON allows and UTF-8 does not, stays escaped."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def from_json(text: str) -> Any:
    """What `to_json` was given."""
    if text == "{}":
        return {}
    return [] if text == "[]" else json.loads(text)
