"""What may stand in an event: the data of each type, completed and checked before it is committed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from api.domain.event import Draft, EventType
from api.domain.lifecycle import Status
from api.errors import Flaw, InvalidInput

MAX_DATA_BYTES = 64 * 1024
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
_CUT = " … [cut: longer than an event may be]"
_LONG_TEXTS = ("traceback", "message", "error")


def draft(event_type: str, data: Mapping[str, Any], *, attempt: int) -> Draft:
    """The event of this type with complete data; `InvalidInput` names what is wrong.

    `attempt` is the task's present one, used where the data names none.
    """
    try:
        kind = EventType(event_type)
    except ValueError:
        known = ", ".join(EventType)
        raise InvalidInput(flaws=[Flaw(("event_type",), f"unknown type {event_type!r:.80}: one of {known}")]) from None
    complete = _COMPLETE[kind](dict(data))
    if kind is not EventType.LOG and kind is not EventType.ERROR:
        complete.setdefault("attempt", attempt)
    return Draft(kind, _fitted(complete))


def finite_metrics(metrics: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, str]]:
    """The metrics with NaN and infinities as None, and the names of those: no JSON parser takes them."""
    clean: dict[str, float | None] = {}
    nonfinite: dict[str, str] = {}
    for name, value in metrics.items():
        number = _number(("data", "metrics", str(name)), value)
        clean[str(name)] = number if math.isfinite(number) else None
        if not math.isfinite(number):
            nonfinite[str(name)] = "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")
    return clean, nonfinite


def _status_change(data: dict[str, Any]) -> dict[str, Any]:
    try:
        status = Status(data.get("status", ""))
    except ValueError:
        raise _flaw("status", f"must be one of {', '.join(Status)}") from None
    if not isinstance(data.get("result"), Mapping | None):
        raise _flaw("result", "must be an object of names and values")
    if status is Status.FAILED:
        raise _flaw("status", "a task fails by an `error` event, not by a status_change")
    return {**data, "status": str(status), "message": _text(data, "message", "")}


def _progress(data: dict[str, Any]) -> dict[str, Any]:
    current = _count(data, "current_iteration", 0)
    total = _count(data, "max_iterations", None)
    known = data.get("progress_percent")
    percent = _number(("data", "progress_percent"), known) if known is not None else _share(current, total)
    if not math.isfinite(percent):
        raise _flaw("progress_percent", "must be a finite number")
    eta = data.get("eta_seconds")
    if eta is not None and not math.isfinite(_number(("data", "eta_seconds"), eta)):
        del data["eta_seconds"]
    if "message" in data:
        data["message"] = _text(data, "message", "")
    return {
        **data,
        "current_iteration": current,
        "max_iterations": total,
        "progress_percent": round(min(100.0, max(0.0, percent)), 4),
    }


def _iteration(data: dict[str, Any]) -> dict[str, Any]:
    metrics = data.get("metrics", {})
    if not isinstance(metrics, Mapping):
        raise _flaw("metrics", "must be an object of names and numbers")
    clean, nonfinite = finite_metrics({name: math.nan if value is None else value for name, value in metrics.items()})
    marked = {**nonfinite, **data.get("nonfinite", {})} if nonfinite else {}
    complete = {**data, "iteration": _count(data, "iteration", 0), "metrics": clean}
    complete.pop("nonfinite", None)
    return {**complete, "nonfinite": marked} if marked else complete


def _log(data: dict[str, Any]) -> dict[str, Any]:
    level = str(data.get("level", "info")).lower()
    return {**data, "level": level if level in LEVELS else "info", "message": _text(data, "message", "")}


def _error(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "status": str(Status.FAILED), "error": _text(data, "error", "the task failed")}


_COMPLETE = {
    EventType.STATUS_CHANGE: _status_change,
    EventType.PROGRESS: _progress,
    EventType.ITERATION_COMPLETE: _iteration,
    EventType.LOG: _log,
    EventType.ERROR: _error,
}


def _fitted(data: dict[str, Any]) -> dict[str, Any]:
    """The data within `MAX_DATA_BYTES` of JSON: long texts are cut visibly, anything else is refused."""
    written = _written(data)
    if "\\ud" in written:  # a half of a character, or a character of two halves
        data = _printable(data)
        written = _written(data)
    excess = len(written) - MAX_DATA_BYTES
    for name in _LONG_TEXTS:
        text = data.get(name)
        if excess > 0 and isinstance(text, str):
            data = {**data, name: _cut(text, excess)}
            excess = len(_written(data)) - MAX_DATA_BYTES
    if excess > 0:
        raise InvalidInput(
            flaws=[Flaw(("data",), f"is {excess} bytes over the {MAX_DATA_BYTES} that an event may have")]
        )
    return data


def _cut(text: str, excess: int) -> str:
    keep = max(0, len(json.dumps(text)) - 2 - excess - len(json.dumps(_CUT)))
    while keep and len(json.dumps(text[:keep])) - 2 > keep:  # escapes make a character longer
        keep = keep * keep // (len(json.dumps(text[:keep])) - 2)
    return text[:keep] + _CUT


def _printable(value: Any) -> Any:
    """With halves of characters, which no text has, as visible escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_printable(str(name)): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list | tuple) else value


def _written(data: Mapping[str, Any]) -> str:
    try:
        return json.dumps(data, allow_nan=False)
    except ValueError as error:
        raise InvalidInput(flaws=[Flaw(("data",), f"is not JSON: {error}")]) from None
    except (TypeError, RecursionError) as error:
        raise InvalidInput(flaws=[Flaw(("data",), f"is not JSON: {error}")]) from None


def _text(data: Mapping[str, Any], name: str, default: str) -> str:
    value = data.get(name)
    return default if value is None else str(value)


def _count(data: Mapping[str, Any], name: str, default: Any) -> Any:
    value = data.get(name, default)
    if value is default:
        return default
    number = _number(("data", name), value)
    if not (math.isfinite(number) and number >= 0):
        raise _flaw(name, "must be a whole number of at least 0")
    return int(number)


def _share(current: int, total: int | None) -> float:
    return 100.0 * current / total if total else 0.0


def _number(loc: tuple[str, ...], value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(flaws=[Flaw(loc, f"must be a number, not {type(value).__name__}")])
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _flaw(name: str, message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw(("data", name), message)])
