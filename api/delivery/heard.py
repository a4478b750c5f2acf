"""What has been heard of which task, and in which order: bounded, the latest tasks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

REMEMBERED = 5000


class Heard:
    """Moments count what was heard; they have nothing to do with a clock."""

    def __init__(self) -> None:
        self.now = 0
        """The moment of the last word."""
        self.open: set[str] = set()
        """Tasks that were heard of and have not ended."""
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Task → (last seq, moment), in the order of the moments."""
        self._forgotten = 0
        """The moment of the latest word on a task that is not remembered any more."""

    def last_seq(self, task_id: str) -> int:
        """0 for a task that nothing is remembered of."""
        return self._seen.get(task_id, (0, 0))[0]

    def note(self, task_id: str, seq: int) -> None:
        self.now += 1
        self._seen[task_id] = (max(seq, self.last_seq(task_id)), self.now)
        self._seen.move_to_end(task_id)
        self.open.add(task_id)
        if len(self._seen) > REMEMBERED:
            _task_id, (_seq, self._forgotten) = self._seen.popitem(last=False)

    def ended(self, task_id: str) -> None:
        self.open.discard(task_id)

    def keep_open(self, task_ids: Collection[str]) -> None:
        """Of the open tasks only these exist."""
        self.open.intersection_update(task_ids)

    def since(self, moment: int) -> list[str] | None:
        """The tasks heard of after `moment`, oldest word first; None when not all are remembered."""
        if moment < self._forgotten:
            return None
        found = []
        for task_id, (_seq, heard) in reversed(self._seen.items()):
            if heard <= moment:
                break
            found.append(task_id)
        return found[::-1]

    def forget_all(self) -> None:
        self._seen.clear()
        self.open.clear()
        self._forgotten = self.now
