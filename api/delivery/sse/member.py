"""A reader that takes events at its own pace: it keeps a cursor and a flag, and no queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.delivery.feed import Subscription
from api.delivery.hub import Hub
from api.delivery.lag import Lag
from api.domain.event import Event
from api.runtime.base import Runtime


class PullMember:
    """Its own channel. What is pushed only wakes it; it reads from the feed's memory or the journal."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._flag = runtime.waiter()

    @property
    def channel(self) -> PullMember:
        return self

    def attach(self, crowd: Callable[[], None]) -> None:
        """It is never crowded: nothing is put anywhere for it."""

    def wanted(self) -> bool:
        return True  # until it is unsubscribed

    def has_room(self) -> bool:
        return True

    def wait_for_room(self) -> None:
        """There always is."""

    def deliver(self, events: Sequence[Event]) -> int:
        """Nothing is handed over: it joins at the end of the journal and reads for itself."""
        return len(events)

    def lagged(self, lag: Lag) -> None:
        """It leaves nothing out."""

    def start_over(self) -> int | None:
        """It finds that out when it reads."""
        return None

    def entered(self) -> None:
        self._flag.set()

    def left(self) -> None:
        self._flag.set()

    def push(self, events: Sequence[Event]) -> None:
        self._flag.set()

    def next(self, hub: Hub, subscription: Subscription, cursor: int, timeout: float) -> Sequence[Event] | None:
        """The events after `cursor`; empty after `timeout` seconds without one, None when they are not stored
        any more."""
        self._flag = self._runtime.waiter()
        events = hub.after(subscription, cursor)
        if events is not None and not events and self._flag.wait(timeout):
            events = hub.after(subscription, cursor)
        return events
