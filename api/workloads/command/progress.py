"""What the lines of a program say about its progress and its metrics. Pure: text in, numbers out."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINE = 4096
"""Characters of a line that are looked at."""
_COUNTABLE = 2**53
_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_BAR = re.compile(
    r"(?:(?P<text>[^\r\n]*?): *)?\d{1,3}%\|[^|]*\| *"
    r"(?P<current>[\d.]+)(?P<cu>[kMGT]?)i?/(?P<total>[\d.]+)(?P<tu>[kMGT]?)i?[A-Za-z]* *\["
)
"""A bar of tqdm: `text:  42%|████▏     | 42/100 [00:01<00:02, 30.1it/s]`, with `unit_scale` as `1.2M/3.4M`."""
_SHARE = re.compile(r"(?<![\w./-])(?P<current>\d{1,12}) ?(?:/|of) ?(?P<total>\d{1,12})(?![\w/-])(?!\.\d)")
_PERCENT = re.compile(r"(?<![\w.])(?P<percent>\d{1,3}(?:\.\d+)?) ?%")
_STEP = frozenset({"iteration", "step", "epoch"})


@dataclass(frozen=True, slots=True)
class Found:
    """Where the program stands; `total` is None when it did not say."""

    current: float
    total: float | None
    message: str | None = None


class Finder:
    """Looks for progress by the operator's expressions first, then by what programs commonly print."""

    def __init__(self, expressions: Sequence[str] = (), *, guess: bool = True) -> None:
        self._expressions = [re.compile(each) for each in expressions]
        self._guess = guess

    def find(self, line: str) -> Found | None:
        text = line[:MAX_LINE]
        for expression in self._expressions:
            found = _named(expression.search(text))
            if found is not None:
                return found
        return _guessed(text) if self._guess else None


class Metrics:
    """Named numbers in lines. A group `iteration`, `step` or `epoch` numbers them, else they are counted."""

    def __init__(self, expressions: Sequence[str]) -> None:
        self._expressions = [re.compile(each) for each in expressions]
        self._count = 0

    def find(self, line: str) -> tuple[int, dict[str, float]] | None:
        """(iteration, metrics) where the line has any."""
        numbers: dict[str, float] = {}
        for expression in self._expressions:
            match = expression.search(line[:MAX_LINE])
            for name, text in (match.groupdict() if match else {}).items():
                number = _number(text)
                if number is not None:
                    numbers[name] = number
        steps = [numbers.pop(name) for name in _STEP & numbers.keys()]
        if not numbers:
            return None
        self._count = int(steps[0]) if steps and math.isfinite(steps[0]) else self._count + 1
        return self._count, numbers


def _named(match: re.Match[str] | None) -> Found | None:
    groups = match.groupdict() if match else {}
    if "percent" in groups:
        percent = _number(groups["percent"])
        return Found(percent, 100.0) if percent is not None and 0 <= percent <= 100 else None
    return _found(_number(groups.get("current")), _number(groups.get("total")))


def _found(current: float | None, total: float | None, message: str | None = None) -> Found | None:
    """Only what can be told: a number that is none, or is larger than a browser can count, is no progress."""
    if current is None or not 0 <= current < _COUNTABLE:
        return None
    return Found(current, total if total is not None and 0 < total < _COUNTABLE else None, message)


def _guessed(text: str) -> Found | None:
    bar = _BAR.search(text)
    if bar:
        return _scaled(bar)
    percent = _last(_PERCENT, text)
    share = _last(_SHARE, text)
    if share:
        current, total = int(share["current"]), int(share["total"])
        if 0 <= current <= total > 1 and (percent is None or _agree(float(percent["percent"]), current, total)):
            return Found(current, total)
    return _named(percent)


def _scaled(bar: re.Match[str]) -> Found | None:
    current, total = _number(bar["current"]), _number(bar["total"])
    if current is None or total is None:
        return None
    text = (bar["text"] or "").strip()
    return _found(current * _UNITS[bar["cu"]], total * _UNITS[bar["tu"]], text or None)


def _agree(percent: float, current: int, total: int) -> bool:
    """Whether both mean the same; `50% of 3/4` does not."""
    return abs(percent - 100 * current / total) <= 2


def _last(expression: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in expression.finditer(text):  # noqa: B007  the last one is what stands at the end of a line
        pass
    return found


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
