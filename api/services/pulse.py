"""Pulse: whether a task that runs here still says something."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from api.domain.event import Draft, EventType
from api.domain.silence import FACTOR, usual_silence

DUMP_SECONDS = 2.0
"""What comes on stderr within so long after a dump of the stacks was asked for is that dump: no sign of life."""
DUMP_LOGGER = "stderr"


class Pulse:
    """Of one attempt. Stalled is not dead: it only says that nothing has come for much longer than usual."""

    def __init__(self, floor: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`floor`: seconds of silence that are nothing yet."""
        self._floor = floor
        self._clock = clock
        self._last = clock()
        self._usual = 0.0
        self._dumped_at: float | None = None
        self.stalled = False

    @property
    def silent_for(self) -> float:
        """Seconds since its last sign of life."""
        return self._clock() - self._last

    @property
    def is_late(self) -> bool:
        """Whether it has just become stalled."""
        return not self.stalled and self.silent_for > max(self._floor, FACTOR * self._usual)

    def stall(self) -> None:
        """It counts as stalled, and was asked for its stacks."""
        self.stalled = True
        self._dumped_at = self._clock()

    def is_life(self, drafts: Sequence[Draft]) -> bool:
        """Whether these reports are the task's own."""
        if self._dumped_at is None or self._clock() - self._dumped_at > DUMP_SECONDS:
            return True
        return not all(draft.type is EventType.LOG and draft.data.get("logger") == DUMP_LOGGER for draft in drafts)

    def beat(self) -> None:
        """It has said something."""
        self._usual = usual_silence(self._usual, self.silent_for)
        self.rest()
        self._dumped_at = None
        self.stalled = False

    def rest(self) -> None:
        """Nothing is expected of it now: it is paused."""
        self._last = self._clock()
