"""Where a task pauses and stops: commands come in by one thread and take effect in another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from api.errors import TaskCancelled, TaskPaused

RUNNING, PAUSED = "running", "paused"


class _Wish(StrEnum):
    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


_WISHES = {"pause": _Wish.PAUSE, "resume": _Wish.RUN, "cancel": _Wish.STOP, "shutdown": _Wish.STOP}


class Gate:
    """`ask` sets what is wanted, `checkpoint` obeys. A stop is for good."""

    def __init__(
        self,
        acknowledge: Callable[[str], None],
        resumed: Callable[[float], None] = lambda seconds: None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`acknowledge` is told `paused` or `running`, `resumed` how long a pause took."""
        self._acknowledge = acknowledge
        self._resumed = resumed
        self._clock = clock
        self._changed = threading.Condition()
        self._wish = _Wish.RUN
        self._said = RUNNING
        self._paused_at = 0.0
        self._calm = True
        self.stopped = False
        """Whether the workload has been told to stop."""
        self.can_leave = False
        """Whether another worker could go on from what has been saved."""
        self.left = False
        """Whether the workload has been told to leave, for a pause."""

    def ask(self, command: str) -> None:
        """`pause`, `resume`, `cancel` or `shutdown`; from any thread, takes effect at the next checkpoint."""
        with self._changed:
            if self._wish != _Wish.STOP:
                self._wish = _WISHES[command]
            if command == "resume" and self._said == RUNNING:
                self._said = ""  # it never got to pause, and whoever asked waits for an answer
            self._calm = False
            self._changed.notify_all()

    @property
    def stopping(self) -> bool:
        """Whether the next checkpoint would raise, for good."""
        return self._wish == _Wish.STOP

    @property
    def pausing(self) -> bool:
        """Whether the next checkpoint would block."""
        return self._wish == _Wish.PAUSE

    def checkpoint(self) -> None:
        """Returns at once as a rule; raises `TaskCancelled` once stopped, `TaskPaused` once paused if it can leave,
        else blocks while paused."""
        if not self._calm:
            with self._changed:
                self._obey()

    def _obey(self) -> None:
        while self._wish != _Wish.RUN:
            if self._wish == _Wish.STOP:
                self.stopped = True
                raise TaskCancelled
            self._say(PAUSED)
            self.left = self.left or self.can_leave
            if self.left:
                break
            self._changed.wait()
        if self.left:  # for good: a resume that comes now is for its next worker
            raise TaskPaused
        self._say(RUNNING)
        self._calm = True

    def _say(self, effect: str) -> None:
        if self._said == effect:
            return
        if effect == PAUSED:
            self._paused_at = self._clock()
        elif self._said == PAUSED:
            self._resumed(self._clock() - self._paused_at)
        self._said = effect
        self._acknowledge(effect)
