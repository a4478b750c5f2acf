"""When a failed attempt is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The delay grows with each attempt, up to a limit; a half of it is left to chance."""

    first_seconds: float = 1.0
    most_seconds: float = 300.0
    factor: float = 2.0

    def delay(self, attempt: int, chance: float) -> timedelta:
        """How long to wait after `attempt` (1 for the first) has failed; `chance` is from 0 to 1.

        So tasks that failed together, because of the same thing, do not all come back together.
        """
        steps = min(attempt - 1, 64)
        longest = min(self.most_seconds, self.first_seconds * self.factor**steps)
        return timedelta(seconds=longest * (0.5 + chance / 2))
