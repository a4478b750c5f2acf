"""How much of a task's log is kept."""

from __future__ import annotations

from api.domain.event import Draft, EventType


class OutputLimit:
    """Lets what a task logs pass until its text has `most` bytes."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._bytes = 0
        self.left_out = 0
        """Lines that were not let pass."""

    def admits(self, said: Draft) -> bool:
        """Whether this one is to be kept."""
        if self._most is None or said.type is not EventType.LOG:
            return True
        self._bytes += len(said.data["message"].encode("utf-8", "replace")) + 1
        self.left_out += self._bytes > self._most
        return self._bytes <= self._most
