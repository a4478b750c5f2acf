"""A token bucket: how many messages one client may send."""

from __future__ import annotations

import time
from enum import Enum


class Verdict(Enum):
    FINE = "fine"
    REFUSED = "refused"
    """Too many: this one is not to be obeyed."""
    OVER = "over"
    """Far too many: the connection is to be closed."""


class Bucket:
    __slots__ = ("_burst", "_left", "_looked_at", "_per_second", "_surplus")

    def __init__(self, burst: int, per_second: float, surplus: int) -> None:
        """`burst` at once and `per_second` after that; `surplus`: refused ones before it is over."""
        self._burst = burst
        self._per_second = per_second
        self._surplus = surplus
        self._left = float(burst)
        self._looked_at = time.monotonic()

    def take(self) -> Verdict:
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._looked_at) * self._per_second)
        self._looked_at = now
        if self._left >= 1:
            self._left -= 1
            return Verdict.FINE
        self._surplus -= 1
        return Verdict.REFUSED if self._surplus >= 0 else Verdict.OVER
