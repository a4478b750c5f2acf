"""What a feed and the hub need of a subscriber, on whatever transport."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from api.delivery.lag import Lag
from api.domain.event import Event


class Channel(Protocol):
    """Live subscribers that are served together: a Socket.IO room, or one plain connection."""

    def push(self, events: Sequence[Event]) -> None:
        """Hand over; must neither block nor switch to another green thread."""


class Member(Protocol):
    """One subscriber of one task."""

    @property
    def channel(self) -> Channel:
        """Where it is served live, alone or together with others."""

    def attach(self, crowd: Callable[[], None]) -> None:
        """`crowd` is to be called when it has no room any more: at the next push it leaves with its cursor.
        It may be called from everywhere, as it neither blocks nor switches."""

    def wanted(self) -> bool:
        """Whether it is still there and still wants this task."""

    def has_room(self) -> bool:
        """Whether it has taken enough of what it was given to be given more."""

    def wait_for_room(self) -> None:
        """Block the calling background thread until that may have changed."""

    def deliver(self, events: Sequence[Event]) -> int:
        """Hand stored events to this subscriber alone, in order, as long as there is room; how many were
        taken. Must neither block nor switch."""

    def lagged(self, lag: Lag) -> None:
        """Announce that superseded progress is left out."""

    def start_over(self) -> int | None:
        """What comes next is not stored any more: tell the present state and return its seq; None when the
        task is gone. Called on a background thread: it may read the journal."""

    def entered(self) -> None:
        """It is live from here on: called at the seam, between two pushes."""

    def left(self) -> None:
        """It is live no longer: called between two pushes."""
