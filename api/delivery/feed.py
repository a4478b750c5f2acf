"""A feed: one task as this process pushes it. It knows what has been pushed and who is listening live."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence

from api.delivery.lag import Lag
from api.delivery.member import Channel, Member
from api.domain.event import Event

TAIL = 500
"""Events kept in memory, so that a reader of a fast task reaches the seam without reading again."""
SLICE = 50
"""Events pushed before it is looked who has no room any more: what one push can pile up is bounded."""


class Subscription:
    """One member's place in one task's journal: live, or behind with a cursor."""

    __slots__ = ("cursor", "feed", "gone", "lag", "live", "member", "was_live")

    def __init__(self, feed: Feed, member: Member, cursor: int | None) -> None:
        self.feed = feed
        self.member = member
        self.cursor = cursor
        """Everything up to this seq has been handed over, while it is not live; None for one that reads for itself."""
        self.live = False
        self.was_live = False
        self.lag: Lag | None = None
        """The stretch that is being shortened for it."""
        self.gone = False

    def crowd(self) -> None:
        if self.live:
            self.feed.crowded.append(self)

    def wanted(self) -> bool:
        return not self.gone and self.member.wanted()


class Feed:
    """`lock` holds a join and a push apart; on a green hub nothing inside it switches."""

    def __init__(self, task_id: str, on_behind: Callable[[Subscription], None]) -> None:
        """`on_behind` is told of a subscription that was live and has left with its cursor."""
        self.task_id = task_id
        self.lock = threading.RLock()
        self.pushed = 0
        """Everything up to this seq has been pushed to who is live."""
        self.wanted = 0
        """The highest seq that is known to be in the journal."""
        self.opened = False
        self.expected = 0
        """How many read the journal at this moment to join after that: their bells must not be missed."""
        self.subscriptions: set[Subscription] = set()
        """Live ones and those on their way: the feed must not be forgotten under them."""
        self.crowded: deque[Subscription] = deque()
        """Those whose connection has filled up since the last push."""
        self._on_behind = on_behind
        self._filling = False
        self._tail: deque[Event] = deque(maxlen=TAIL)
        self._channels: Counter[Channel] = Counter()

    @property
    def live(self) -> bool:
        return bool(self._channels)

    @property
    def needed(self) -> bool:
        return bool(self.subscriptions) or self.expected > 0

    def open(self, last_seq: int) -> None:
        """Start at the journal's end, unless a bell has brought it further."""
        with self.lock:
            if not self.opened:
                self.opened = True
                self._skip_to(last_seq)

    def enter(self, subscription: Subscription) -> None:
        """Make a subscription live; the caller holds the lock and has brought it to `pushed`."""
        subscription.live = subscription.was_live = True
        self._channels[subscription.member.channel] += 1
        subscription.member.entered()
        if not subscription.member.has_room():
            self.crowded.append(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Nothing is pushed to it any more."""
        with self.lock:
            self.subscriptions.discard(subscription)
            if subscription.live:
                self._withdraw(subscription)

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

    def remember(self, events: Sequence[Event]) -> None:
        """Keep a stretch read from the journal, if what is in memory continues it: the next reader gets it there."""
        with self.lock:
            until = self._tail[0].seq - 1 if self._tail else self.pushed
            before = [event for event in events if event.seq <= until]
            if self.opened and before and before[-1].seq == until:
                room = TAIL - len(self._tail)
                self._tail.extendleft(reversed(before[-room:] if room else ()))

    def accept(self, events: Sequence[Event], last_seq: int) -> None:
        """Push `events` if they continue what was pushed; what is missing is for the thread that fills."""
        with self.lock:
            self.wanted = max(self.wanted, last_seq)
            if not self.live:
                self._keep(events, last_seq)
            elif not self._filling:
                self._push([event for event in events if event.seq > self.pushed])

    def catch_up(self, events: Sequence[Event], seq: int) -> None:
        """Come to `seq`: by pushing to who is live, at once where nobody is."""
        with self.lock:
            if self.live:
                self.fill(events)
            else:
                self._skip_to(seq)

    def begins_filling(self) -> bool:
        """Whether the caller is to start the thread that fills."""
        with self.lock:
            return not self._filling and self.goes_on_filling()

    def goes_on_filling(self) -> bool:
        """Whether the journal has more to push; the one thread that fills stops at the first no."""
        with self.lock:
            self._filling = self.live and self.pushed < self.wanted
            return self._filling

    def give_up_filling(self) -> None:
        with self.lock:
            self._filling = False

    def fill(self, events: Sequence[Event]) -> None:
        """Push a stretch read from the journal."""
        with self.lock:
            self._push([event for event in events if event.seq > self.pushed])

    def give_way(self, seq: int) -> None:
        """What comes next is not stored any more, or the task was deleted: who is live must start over, and the
        feed goes on at `seq`."""
        with self.lock:
            for subscription in list(self.subscriptions):
                if subscription.live:
                    self._fall_behind(subscription)
            self._skip_to(seq)

    def _push(self, events: Sequence[Event]) -> None:
        """Push what continues, a slice at a time, as long as somebody is live."""
        if not events or events[0].seq != self.pushed + 1:
            return
        for start in range(0, len(events), SLICE):
            self._shed()
            if not self.live:
                return
            some = events[start : start + SLICE]
            self._tail.extend(some)
            self.pushed = some[-1].seq
            for channel in list(self._channels):
                channel.push(some)
        self._shed()

    def _shed(self) -> None:
        """Let those leave that have no room: what was pushed so far is on its way to them, no more."""
        while self.crowded:
            subscription = self.crowded.popleft()
            if subscription.live and not subscription.member.has_room():
                self._fall_behind(subscription)

    def _fall_behind(self, subscription: Subscription) -> None:
        subscription.cursor = self.pushed
        self._withdraw(subscription)
        self._on_behind(subscription)

    def _withdraw(self, subscription: Subscription) -> None:
        subscription.live = False
        channel = subscription.member.channel
        self._channels[channel] -= 1
        if self._channels[channel] <= 0:
            del self._channels[channel]
        subscription.member.left()
        if not self.live:
            self._skip_to(self.wanted)  # nobody is left to push it to; who is behind reads the journal

    def _keep(self, events: Sequence[Event], last_seq: int) -> None:
        fresh = [event for event in events if event.seq > self.pushed]
        if fresh and fresh[0].seq == self.pushed + 1:
            self._tail.extend(fresh)
            self.pushed = fresh[-1].seq
        self._skip_to(last_seq)

    def _skip_to(self, last_seq: int) -> None:
        if last_seq > self.pushed:
            self._tail.clear()
            self.pushed = last_seq
        self.wanted = max(self.wanted, self.pushed)
