"""Numbers, times and durations as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from api.cli.clean import clean

UNITS = {
    "max_temp": "°C",
    "min_temp": "°C",
    "mean_temp": "°C",
    "min_clearance": "mm",
    "cg_offset": "mm",
    "total_mass": "kg",
    "total_power": "W",
}
_BARS = "▁▂▃▄▅▆▇█"


def number(value: object) -> str:
    """At most 5 significant digits; what is no number as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else clean(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def duration(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def instant(timestamp: object) -> datetime | None:
    """An RFC 3339 time, None when it is not one."""
    try:
        return datetime.fromisoformat(str(timestamp))
    except ValueError:
        return None


def clock(timestamp: object) -> str:
    """The local time of day of an RFC 3339 time."""
    at = instant(timestamp)
    return at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last `width` values as bars between their least and greatest."""
    shown = values[-width:] if width > 0 else ()
    if len(shown) < 2:
        return ""
    halves = [value / 2 for value in shown]  # so that the greatest difference is a number too
    low, span = min(halves), max(halves) - min(halves)
    return "".join(_BARS[round((half - low) / (span or 1.0) * (len(_BARS) - 1))] for half in halves)
