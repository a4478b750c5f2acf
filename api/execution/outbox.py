"""What a child has said and the core has not committed yet: in order, in batches, tried again while it cannot."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from api.domain.event import Draft
from api.errors import Unavailable
from api.execution import limits
from api.execution.messages import Effect, Mark
from api.ports import Reporter

FIRST_RETRY = 0.05
LAST_RETRY = 2.0


class Outbox:
    """While it holds something nothing more is read from the child: that holds the child back in turn."""

    def __init__(self, reporter: Reporter, stored: Callable[[int], None]) -> None:
        """`stored` is told of each mark when everything before it has been committed."""
        self._reporter = reporter
        self._stored = stored
        self._waiting: deque[Draft | Effect | Mark] = deque()
        self._pause = 0.0
        self.due = 0.0
        """Not before this time: the core was unavailable."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def stuck(self) -> bool:
        """Whether the core could not take what waits, at the last try."""
        return bool(self._waiting) and self._pause > 0

    def add(self, said: Iterable[Draft | Effect | Mark]) -> None:
        self._waiting.extend(said)

    def clear(self) -> None:
        self._waiting.clear()

    def deliver(self, now: float) -> None:
        """Hand over one batch, if it is time to. `StaleLease` from the core passes through."""
        if not self._waiting or now < self.due:
            return
        try:
            self._hand_over()
            self._pause = self.due = 0.0
        except Unavailable:
            self._pause = min(max(FIRST_RETRY, 2 * self._pause), LAST_RETRY)
            self.due = now + self._pause

    def _hand_over(self) -> None:
        first = self._waiting[0]
        if isinstance(first, Effect):
            self._reporter.took_effect(first.command)
            self._waiting.popleft()
            return
        if isinstance(first, Mark):
            self._stored(first.number)
            self._waiting.popleft()
            return
        batch = self._batch()
        self._reporter.report(batch)
        for _ in batch:
            self._waiting.popleft()

    def _batch(self) -> list[Draft]:
        batch: list[Draft] = []
        for said in self._waiting:
            if not isinstance(said, Draft) or len(batch) == limits.BATCH:
                break
            batch.append(said)
        return batch
