"""A reader that takes events at its own pace: it keeps a cursor and a flag, and no queue."""

from __future__ import annotations

from collections.abc import Sequence

from api.delivery.feed import Feed
from api.delivery.hub import Hub
from api.domain.event import Event
from api.runtime.base import Runtime


class PullMember:
    """Its own channel. What is pushed only wakes it; it reads from the feed's memory or the journal."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._flag = runtime.waiter()
        self._left = False

    @property
    def channel(self) -> PullMember:
        return self

    def wanted(self) -> bool:
        return not self._left

    def deliver(self, events: Sequence[Event]) -> None:
        """Nothing is handed over: the member joins at the end of the journal and reads for itself."""

    def has_room(self) -> bool:
        return True

    def entered(self) -> None:
        """There is no room to enter."""

    def push(self, events: Sequence[Event]) -> None:
        self._flag.set()

    def next(self, hub: Hub, feed: Feed, cursor: int, timeout: float) -> Sequence[Event]:
        """The events after `cursor`; empty after `timeout` seconds without one."""
        self._flag = self._runtime.waiter()
        events = hub.after(feed, cursor)
        if not events and self._flag.wait(timeout):
            events = hub.after(feed, cursor)
        return events
