"""A client that stops reading, reads on later, and connects again where the server has given it up."""

from __future__ import annotations

from time import monotonic

from benchmarks.frames import LAGGED, Known, count, faults, updates
from benchmarks.sockets import Crowd, Subscriber, subscribing


class Sleeper:
    """One client through all its connections; it resumes each time after the last event that it has."""

    def __init__(self, crowd: Crowd, port: int, task_id: str, room: int) -> None:
        self._crowd = crowd
        self._port = port
        self._task_id = task_id
        self._room = room
        self._known = Known()
        self._slept = self._woken = 0.0
        self._connections: list[Subscriber] = []
        self._connect(0)
        crowd.on_lost = self._lost

    def fall_asleep(self) -> None:
        self._crowd.lay_down(self._connections[-1])
        self._slept = monotonic()

    def wake_up(self) -> None:
        self._crowd.take_up(self._connections[-1])
        self._woken = monotonic()

    def done(self) -> bool:
        """Whether it has heard the end of the task."""
        return any(link.heard_the_end for link in self._connections)

    def figures(self, other: Subscriber) -> dict[str, float]:
        """`other`: one that has read all the time, and knows what there was."""
        mine = [self._known[text] for link in self._connections for _at, text in updates(link)]
        theirs = [(at, self._known[text]) for at, text in updates(other)]
        wanted = [brief.seq for _at, brief in theirs if not brief.progress]
        return {
            "missed": sum(self._slept < at <= self._woken for at, _brief in theirs),
            "catching_up": self._connections[-1].times[-1] - self._woken,
            "faults": faults([brief.seq for brief in mine if not brief.progress], wanted),
            "lagged": sum(count(link, LAGGED) for link in self._connections),
            "resumed": len(self._connections) - 1,
        }

    def _connect(self, since: int) -> None:
        script = subscribing({"task_id": self._task_id, "since": since})
        self._connections += self._crowd.join(self._port, script, room=self._room)

    def _lost(self, member: Subscriber) -> None:
        if member is not self._connections[-1]:
            raise ConnectionError("the server closed the connection of one that reads")
        last = max((self._last(link) for link in self._connections), default=0)
        self._connect(last)

    def _last(self, link: Subscriber) -> int:
        return max((self._known[text].seq for _at, text in updates(link)), default=0)
