"""A feed: one task as this process pushes it. It knows what has been pushed and who is listening live."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

from api.domain.event import Event

TAIL = 1000
"""Events kept in memory, so that a reader of a fast task reaches the seam without reading again."""


class Channel(Protocol):
    """Live subscribers that are served together: a Socket.IO room, or one plain connection."""

    def push(self, events: Sequence[Event]) -> None:
        """Hand over; must neither block nor switch to another green thread."""


class Accepted(Enum):
    PUSHED = "pushed"
    KEPT = "kept"
    """Nobody is live, or the thread that fills will come to it."""
    HOLE = "hole"
    """Something is missing in between: the caller starts the thread that fills."""


class Feed:
    """`lock` holds a join and a push apart; on a green hub nothing inside it switches."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.lock = threading.RLock()
        self.pushed = 0
        """Everything up to this seq has been pushed to who is live."""
        self.wanted = 0
        """The highest seq that is known to be in the journal."""
        self.opened = False
        self.joining = 0
        """Subscribers on their way in: the feed must not be forgotten under them."""
        self._filling = False
        self._tail: deque[Event] = deque(maxlen=TAIL)
        self._channels: Counter[Channel] = Counter()

    @property
    def live(self) -> bool:
        return bool(self._channels)

    def open(self, last_seq: int) -> None:
        """Start at the journal's end, unless a bell has brought it further."""
        with self.lock:
            if not self.opened:
                self.opened = True
                self._skip_to(last_seq)

    def enter(self, channel: Channel) -> None:
        """Make a channel live; the caller holds the lock."""
        self._channels[channel] += 1

    def leave(self, channel: Channel) -> None:
        with self.lock:
            self._channels[channel] -= 1
            if self._channels[channel] <= 0:
                del self._channels[channel]

    def since(self, seq: int) -> list[Event] | None:
        """What was pushed after `seq`, from memory.

        None when that reaches further back than the tail, or when the pushing itself has not come to `seq`:
        who entered then would get again what it has.
        """
        if seq == self.pushed:
            return []
        if seq > self.pushed or not self._tail or self._tail[0].seq > seq + 1:
            return None
        return [event for event in self._tail if event.seq > seq]

    def accept(self, events: Sequence[Event], last_seq: int) -> Accepted:
        """Push `events` if they continue what was pushed."""
        with self.lock:
            self.wanted = max(self.wanted, last_seq)
            if not self.live:
                self._keep(events, last_seq)
            elif not self._filling:
                self._push([event for event in events if event.seq > self.pushed])
                self._filling = self.pushed < self.wanted
                return Accepted.HOLE if self._filling else Accepted.PUSHED
            return Accepted.KEPT

    def catch_up(self, events: Sequence[Event], seq: int) -> None:
        """Come to `seq`: by pushing to who is live, at once where nobody is."""
        with self.lock:
            if events and self.live:
                self.fill(events)
            else:
                self._skip_to(seq)

    def goes_on_filling(self) -> bool:
        """Whether the journal has more to push; the one thread that fills stops at the first no."""
        with self.lock:
            self._filling = self.live and self.pushed < self.wanted
            return self._filling

    def give_up_filling(self) -> None:
        with self.lock:
            self._filling = False

    def fill(self, events: Sequence[Event]) -> None:
        """Push a stretch read from the journal; nothing there means that the task was deleted."""
        with self.lock:
            self._push([event for event in events if event.seq > self.pushed])
            if not events:
                self.wanted = self.pushed

    def _push(self, events: Sequence[Event]) -> None:
        if not events or events[0].seq != self.pushed + 1:
            return
        self._tail.extend(events)
        self.pushed = events[-1].seq
        for channel in list(self._channels):
            channel.push(events)

    def _keep(self, events: Sequence[Event], last_seq: int) -> None:
        fresh = [event for event in events if event.seq > self.pushed]
        if fresh and fresh[0].seq == self.pushed + 1:
            self._tail.extend(fresh)
            self.pushed = fresh[-1].seq
        else:
            self._skip_to(last_seq)

    def _skip_to(self, last_seq: int) -> None:
        if last_seq > self.pushed:
            self._tail.clear()
            self.pushed = last_seq
        self.wanted = max(self.wanted, self.pushed)
