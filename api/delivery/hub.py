"""The hub: joins cursors to live feeds without a gap and without a duplicate at the seam."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from api import metrics
from api.delivery.feed import Feed, Subscription
from api.delivery.lag import Lag, measure, page_of
from api.delivery.member import Member
from api.delivery.pages import PAGE, Pages, is_light
from api.domain.event import Event
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Bus, Doorbell, Store
from api.runtime.base import Runtime

_log = get_logger(__name__)
FAR_BEHIND = 5000
"""Events by which a reader that was live must be behind before superseded progress is left out for it."""
RETRY_SECONDS = 0.5


class Hub:
    """One per process. It pushes to its own connections only: every process hears the bell itself."""

    def __init__(self, store: Store, bus: Bus, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._pages = Pages(store, runtime)
        self._lock = threading.RLock()
        self._feeds: dict[str, Feed] = {}
        bus.listen(self._on_bell)

    @contextmanager
    def expecting(self, task_id: str) -> Iterator[int]:
        """Hear what is said of a task from here on, while the caller reads how far its journal goes.

        What was read so can be given to `subscribe`, inside, as `known`. Yields how many events after the reader's
        place are worth reading with it: none where others have brought the hub there already.
        """
        with self._lock:
            feed = self._feed(task_id)
            feed.expected += 1
        try:
            yield 0 if feed.opened else PAGE
        finally:
            with self._lock:
                feed.expected -= 1
                self._forget_unneeded(feed)

    def subscribe(
        self, task_id: str, after: int | None, member: Member, known: tuple[int, Sequence[Event]] | None = None
    ) -> Subscription:
        """Give `member` every event after `after`, in order: stored ones first, then live ones.

        The two meet under the feed's lock: the first event that the channel pushes is the one after the last
        that was delivered. Returns at once; what is stored is fed by a background thread, at the member's
        pace. A member that reads for itself, and only wants to be woken, comes with `after` None.

        `known`: the last seq of the journal, and a stretch of events that ends there, as read while the task was
        expected. They spare two reads.
        """
        with self._lock:
            feed = self._feed(task_id)
            subscription = Subscription(feed, member, after)
            feed.subscriptions.add(subscription)
        if known is not None:
            last_seq, rest = known
            feed.open(last_seq)
            if is_light(rest):
                feed.remember(rest)
        metrics.SUBSCRIPTIONS.inc()
        member.attach(subscription.crowd)
        if not self._joined(subscription):
            self._bring_up_later(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Nothing is delivered to it any more; a second call does nothing."""
        with self._lock:
            if subscription.gone:
                return
            subscription.gone = True
            feed = subscription.feed
            feed.leave(subscription)
            self._forget_unneeded(feed)
        metrics.SUBSCRIPTIONS.dec()

    def _feed(self, task_id: str) -> Feed:
        feed = self._feeds.get(task_id)
        if feed is None:
            feed = self._feeds[task_id] = Feed(task_id, self._fell_behind)
        return feed

    def _forget_unneeded(self, feed: Feed) -> None:
        if not feed.needed and self._feeds.get(feed.task_id) is feed:
            del self._feeds[feed.task_id]

    def after(self, subscription: Subscription, cursor: int) -> Sequence[Event] | None:
        """The next events of a member that reads at its own pace: from memory, else a page of the journal.

        None when they are not stored any more.
        """
        feed = subscription.feed
        if cursor >= feed.pushed:
            return []
        rest = feed.since(cursor)
        return self._pages.after(feed.task_id, cursor) if rest is None else rest

    def sweep(self) -> None:
        """Compare what was pushed with what the journal holds."""
        live = [task_id for task_id, feed in list(self._feeds.items()) if feed.live]
        if not live:
            return
        for task_id, last_seq in self._store.read(lambda tx: tx.last_seqs(live)).items():
            self._on_bell(Doorbell(task_id, last_seq))

    # -- a subscription on its way to the seam

    def _fell_behind(self, subscription: Subscription) -> None:
        metrics.BEHIND.inc()
        self._bring_up_later(subscription)

    def _bring_up_later(self, subscription: Subscription) -> None:
        self._runtime.spawn(self._bring_up, subscription)

    def _bring_up(self, subscription: Subscription) -> None:
        """Feed it from the journal, at its pace, until it can go on live. A journal that is down is waited for."""
        while subscription.wanted():
            try:
                self._open(subscription.feed)
                if self._joined(subscription):
                    return
                self._advance(subscription)
            except RuncastError as error:
                metrics.failure("catch_up")
                _log.warning("catch_up_delayed", task_id=subscription.feed.task_id, reason=error.message)
                self._runtime.sleep(RETRY_SECONDS)

    def _open(self, feed: Feed) -> None:
        if not feed.opened:
            feed.open(self._store.read(lambda tx: tx.last_seqs([feed.task_id])).get(feed.task_id, 0))

    def _joined(self, subscription: Subscription) -> bool:
        """Enter if the rest of the way is in memory; nothing is pushed meanwhile."""
        feed = subscription.feed
        if not feed.opened or subscription.lag is not None:
            return False
        with feed.lock:
            if not subscription.wanted():
                return True
            if not subscription.member.has_room():
                return False
            rest = [] if subscription.cursor is None else feed.since(subscription.cursor)
            if rest is None or not _taken(subscription, rest):
                return False
            feed.enter(subscription)
            return True

    def _advance(self, subscription: Subscription) -> None:
        """One step towards the seam, for whichever of the two is behind."""
        feed, cursor = subscription.feed, subscription.cursor or 0
        if not subscription.member.has_room():
            subscription.member.wait_for_room()
        elif feed.pushed < cursor:
            self._bring_closer(feed, cursor)
        else:
            self._shorten(subscription, cursor)
            if subscription.lag is None:
                self._next_page(subscription, cursor)
            else:
                self._next_shortened(subscription, subscription.lag, cursor)

    def _bring_closer(self, feed: Feed, cursor: int) -> None:
        """The member knows of events that the feed has not heard of yet."""
        page = self._pages.after(feed.task_id, feed.pushed)
        if page:
            feed.catch_up(page, cursor)
        else:
            feed.give_way(cursor)

    def _next_page(self, subscription: Subscription, cursor: int) -> None:
        page = self._pages.after(subscription.feed.task_id, cursor)
        if page is None or (not page and cursor < subscription.feed.pushed):
            self._start_over(subscription)
        else:
            if is_light(page):
                subscription.feed.remember(page)
            _taken(subscription, page)

    def _next_shortened(self, subscription: Subscription, lag: Lag, cursor: int) -> None:
        page = self._store.read(lambda tx: page_of(tx, lag, cursor, PAGE))
        if page is None:
            self._start_over(subscription)
        elif page:
            _taken(subscription, page)
        else:
            subscription.cursor, subscription.lag = lag.to_seq, None

    def _shorten(self, subscription: Subscription, cursor: int) -> None:
        """Leave superseded progress out for a reader that was live and has fallen far behind."""
        feed = subscription.feed
        target = feed.pushed
        if subscription.lag is not None or not subscription.was_live or target - cursor <= FAR_BEHIND:
            return
        lag: Lag | None = self._store.read(lambda tx: measure(tx, feed.task_id, cursor, target))
        if lag is not None:
            metrics.SKIPPED.inc(lag.skipped)
            subscription.lag = lag
            subscription.member.lagged(lag)

    def _start_over(self, subscription: Subscription) -> None:
        """The journal was trimmed under the reader, or its task was deleted."""
        cursor = subscription.member.start_over()
        if cursor is None:
            self.unsubscribe(subscription)
        else:
            subscription.cursor, subscription.lag = cursor, None

    # -- the feed

    def _on_bell(self, bell: Doorbell) -> None:
        feed = self._feeds.get(bell.task_id)
        if feed is not None:
            feed.accept(bell.events, bell.last_seq)
            if feed.begins_filling():
                self._runtime.spawn(self._fill, feed)

    def _fill(self, feed: Feed) -> None:
        try:
            while feed.goes_on_filling():
                page = self._pages.after(feed.task_id, feed.pushed)
                if page:
                    feed.fill(page)
                else:
                    feed.give_way(feed.wanted)
        except RuncastError as error:  # the next bell or sweep tries again
            metrics.failure("fill")
            _log.warning("fill_failed", task_id=feed.task_id, reason=error.message)
            feed.give_up_filling()


def _taken(subscription: Subscription, events: Sequence[Event]) -> bool:
    """Deliver and move the cursor; whether all of it was taken."""
    if not events:
        return True
    taken = subscription.member.deliver(events)
    if taken:
        subscription.cursor = events[taken - 1].seq
    return taken == len(events)
