"""One plain connection's subscription to one task: events become messages of its protocol as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from api.delivery.dialects.course import Course, followed, present
from api.delivery.lag import Lag
from api.domain.event import Event
from api.domain.task import Task

News = Callable[[Course, Event], Iterable[dict[str, Any]]]


class Wire(Protocol):
    """The connection, as a member needs it."""

    here: bool

    def send(self, message: dict[str, Any]) -> None: ...
    def has_room(self) -> bool: ...
    def wait_for_room(self) -> None: ...


class TaskMember:
    """Its own channel: see `delivery.member.Member`."""

    def __init__(
        self,
        wire: Wire,
        course: Course,
        news: News,
        read: Callable[[], Task | None],
        ended: Callable[[], None],
    ) -> None:
        """`course`: where the task stands before the first event that comes; `read`: its present state; `ended` is
        called after the last message."""
        self.task_id = course.task_id
        self.course = course
        self._wire = wire
        self._news = news
        self._read = read
        self._ended = ended
        self.over = False
        """Whether it has been told the last event of the task."""
        self._crowd: Callable[[], None] = lambda: None

    @property
    def channel(self) -> TaskMember:
        return self

    def attach(self, crowd: Callable[[], None]) -> None:
        self._crowd = crowd

    def crowd(self) -> None:
        self._crowd()

    def wanted(self) -> bool:
        return self._wire.here

    def has_room(self) -> bool:
        return self._wire.has_room()

    def wait_for_room(self) -> None:
        self._wire.wait_for_room()

    def deliver(self, events: Sequence[Event]) -> int:
        for taken, event in enumerate(events):
            if not self._wire.has_room():
                return taken
            self._tell(event)
        return len(events)

    def push(self, events: Sequence[Event]) -> None:
        for event in events:
            self._tell(event)

    def lagged(self, lag: Lag) -> None:
        """These protocols have no word for it; what is left out is superseded by what comes."""

    def start_over(self) -> int | None:
        """What comes next is not stored any more: go on from the present state."""
        task = self._read()
        if task is None:
            return None
        self.course = present(task)
        return task.last_seq

    def entered(self) -> None:
        """It is pushed to."""

    def left(self) -> None:
        """It reads on from the journal."""

    def _tell(self, event: Event) -> None:
        self.course = followed(self.course, event)
        for message in self._news(self.course, event):
            self._wire.send(message)
        if event.terminal:
            self.over = True
            self._ended()
