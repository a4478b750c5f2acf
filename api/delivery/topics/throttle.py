"""Not more than one message in a period."""

from __future__ import annotations

from datetime import datetime

from api.delivery.dialects.topics import Message, together
from api.domain.announcement import Gathering, Parcel, Topic


class Throttle:
    """The first message at once, what comes until the end of the period after it gathered.

    Whoever gets True from `put` sends what `turn` returns, at once and then once each period until that is None.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._gathering = Gathering()
        self._open = False

    def put(self, parcel: Parcel) -> bool:
        """Whether a period begins with this."""
        self._gathering.add(parcel)
        begins, self._open = not self._open, True
        return begins

    def turn(self, at: datetime) -> Message | None:
        """What has come in the period that ends; None: nothing has, and the next message goes at once."""
        message = together(self._topic, *self._gathering.taken(), at)
        self._open = message is not None
        return message
