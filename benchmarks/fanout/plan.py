"""What is measured, and how long."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (1, 100, 500, 5000)
BURSTS = (1, 2, 5, 20)
LARGE = 5000
"""From so many subscribers on an event takes long: fewer of them, at a tenth of the rate."""
UNREAD = 80
"""Messages that a subscriber may be behind: 20 KB, which its socket's buffers hold on every side."""


@dataclass(frozen=True)
class Setting:
    """A way to emit: so many events in a turn of the loop, at so many turns a second (0: as they come)."""

    per_turn: int
    rate: float = 0.0

    @property
    def name(self) -> str:
        return "steady" if self.rate else f"burst-{self.per_turn}"

    def window(self, size: int) -> int:
        """Turns that may be under way: fewer where a turn alone is long."""
        if self.rate:
            return 20
        return max(2 if size >= LARGE else 4, UNREAD // self.per_turn // (8 if size >= LARGE else 1))


@dataclass(frozen=True)
class Plan:
    """Times in seconds."""

    sizes: tuple[int, ...] = SIZES
    idle: int = 1000
    """Connections whose memory is measured."""
    steady: float = 2.5
    burst: float = 0.8
    warm_up: float = 0.2

    def settings(self, size: int) -> list[Setting]:
        rate = 10.0 if size >= LARGE else 100.0
        return [Setting(1, rate), *map(Setting, BURSTS)]

    def seconds(self, setting: Setting) -> float:
        return self.steady if setting.rate else self.burst


QUICK = Plan(sizes=(1, 100, 500), idle=200, steady=0.6, burst=0.25, warm_up=0.1)
