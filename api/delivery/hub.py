"""The hub: joins cursors to live feeds without a gap and without a duplicate at the seam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from api import metrics
from api.delivery.feed import Accepted, Channel, Feed
from api.domain.event import Event
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Bus, Doorbell, Store
from api.runtime.base import Runtime

_log = get_logger(__name__)
PAGE = 200
DRAIN_SECONDS = 0.005
"""How often a reader that is behind is asked whether it has room for the next page."""


class Member(Protocol):
    """One subscriber of one task, on whatever transport."""

    @property
    def channel(self) -> Channel:
        """Where it is served live, alone or together with others."""

    def wanted(self) -> bool:
        """Whether it is still there and still wants this task."""

    def deliver(self, events: Sequence[Event]) -> None:
        """Hand stored events to this subscriber alone; must neither block nor switch."""

    def has_room(self) -> bool:
        """Whether it has taken enough of what it was given for another page."""

    def entered(self) -> None:
        """It is live from here on: called at the seam, between two pushes."""


class Hub:
    """One per process. It pushes to its own connections only: every process hears the bell itself."""

    def __init__(self, store: Store, bus: Bus, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._feeds: dict[str, Feed] = {}
        bus.listen(self._on_bell)

    def join(self, task_id: str, after: int | None, member: Member) -> Feed | None:
        """Feed `member` with every event after `after`, then let it enter its channel.

        The two meet under the feed's lock: the first event that the channel pushes is the one after the
        last that was delivered. None when the member is no longer `wanted` on the way. A member that reads
        for itself, and only wants to be woken, joins with `after` None.
        """
        feed = self._feeds.setdefault(task_id, Feed(task_id))
        feed.joining += 1
        try:
            return feed if self._follow(feed, after, member) else None
        finally:
            feed.joining -= 1
            self._forget_if_idle(feed)

    def leave(self, feed: Feed, member: Member) -> None:
        feed.leave(member.channel)
        metrics.SUBSCRIPTIONS.dec()
        self._forget_if_idle(feed)

    def after(self, feed: Feed, cursor: int) -> Sequence[Event]:
        """The next events of a member that reads at its own pace: from memory, else a page of the journal."""
        if cursor >= feed.pushed:
            return []
        rest = feed.since(cursor)
        return self._read(feed.task_id, cursor) if rest is None else rest

    def sweep(self) -> None:
        """Compare what was pushed with what the journal holds."""
        live = [task_id for task_id, feed in list(self._feeds.items()) if feed.live]
        if not live:
            return
        for task_id, last_seq in self._store.read(lambda tx: tx.last_seqs(live)).items():
            self._on_bell(Doorbell(task_id, last_seq))

    def _follow(self, feed: Feed, after: int | None, member: Member) -> bool:
        if not feed.opened:
            feed.open(self._store.read(lambda tx: tx.last_seqs([feed.task_id])).get(feed.task_id, 0))
        cursor = after
        while member.wanted():
            with feed.lock:
                rest = [] if cursor is None else feed.since(cursor)
                if rest is not None:
                    self._enter(feed, rest, member)
                    return True
            cursor = self._bring_closer(feed, cursor or 0, member)
        return False

    def _bring_closer(self, feed: Feed, cursor: int, member: Member) -> int:
        """Read what lies between the member and the feed, for whichever of the two is behind."""
        if feed.pushed < cursor:
            feed.catch_up(self._read(feed.task_id, feed.pushed), cursor)
            return cursor
        while member.wanted() and not member.has_room():
            self._runtime.sleep(DRAIN_SECONDS)
        page = self._read(feed.task_id, cursor)
        if page:
            member.deliver(page)
            return page[-1].seq
        return cursor

    def _enter(self, feed: Feed, rest: Sequence[Event], member: Member) -> None:
        if rest:
            member.deliver(rest)
        member.entered()
        feed.enter(member.channel)
        metrics.SUBSCRIPTIONS.inc()

    def _forget_if_idle(self, feed: Feed) -> None:
        if not feed.live and not feed.joining:
            self._feeds.pop(feed.task_id, None)

    def _on_bell(self, bell: Doorbell) -> None:
        feed = self._feeds.get(bell.task_id)
        if feed is not None and feed.accept(bell.events, bell.last_seq) is Accepted.HOLE:
            self._runtime.spawn(self._fill, feed)

    def _fill(self, feed: Feed) -> None:
        try:
            while feed.goes_on_filling():
                feed.fill(self._read(feed.task_id, feed.pushed))
        except RuncastError as error:  # the next bell or sweep tries again
            metrics.failure("fill")
            _log.warning("fill_failed", task_id=feed.task_id, reason=error.message)
            feed.give_up_filling()

    def _read(self, task_id: str, after: int) -> list[Event]:
        return self._store.read(lambda tx: tx.events(task_id, after, limit=PAGE))
