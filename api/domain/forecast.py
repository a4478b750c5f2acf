"""When each of the tasks that wait can be expected to start: the queue played through. Pure: time comes in."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

Share = tuple[str, str]
"""("type" or "owner", which one): what a limit is for."""


@dataclass(frozen=True, slots=True)
class Places:
    """How many tasks run at once: in all, of one type where it is named, of one owner."""

    slots: int
    per_type: Mapping[str, int] = field(default_factory=dict)
    per_owner: int | None = None

    def limit(self, share: Share) -> float:
        kind, name = share
        most = self.per_type.get(name) if kind == "type" else self.per_owner
        return math.inf if most is None else most


@dataclass(frozen=True, slots=True)
class Running:
    """A task that holds a place, and how many seconds it will go on; None when that is not known."""

    task_id: str
    type: str
    owner: str
    left: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that waits for a place; times in seconds from now."""

    task_id: str
    type: str
    owner: str
    length: float | None
    """How long it will work; None when that is not known."""
    due_in: float = 0.0
    after: tuple[str, ...] = ()
    """The tasks that have to end before it may start."""


def starts(places: Places, running: Sequence[Running], queue: Sequence[Waiting]) -> dict[str, float]:
    """In how many seconds each task of the queue, which is in the order of urgency, will start; those of which it
    cannot be known are left out.

    A task of which it is not known how long it goes on is taken to hold its place for ever: whoever could only
    start in its place has no known start, and the others may start earlier than is said here.
    """
    return dict(_Play(places, running, queue).starts())


class _Play:
    """n tasks take some n · log n steps: those that a limit holds back are not looked at anew each time."""

    def __init__(self, places: Places, running: Sequence[Running], queue: Sequence[Waiting]) -> None:
        self._places = places
        self._queue = queue
        self._free = places.slots - len(running)
        self._used: Counter[Share] = Counter()
        self._ends: list[tuple[float, int, Running | Waiting]] = []
        """When a place becomes free, a number that tells equals apart, whose it is."""
        self._count = count()
        self._comes: list[tuple[float, int]] = []
        """When who waits for its time is due, and its number in the queue."""
        self._ready: list[tuple[int, Share | None]] = []
        """Numbers of those that may start; with the share by whose room it came here, if it was held back."""
        self._held: dict[Share, list[int]] = defaultdict(list)
        """Numbers of those that are held back, by the share that was used up when they were looked at."""
        self._parents = [len(set(each.after)) for each in queue]
        self._children: dict[str, list[int]] = defaultdict(list)
        for each in running:
            self._take(each)
            self._end_in(each, each.left)
        for number, waiting in enumerate(queue):
            for parent in set(waiting.after):
                self._children[parent].append(number)
            if not waiting.after:
                self._come(number, 0.0)

    def starts(self) -> Iterator[tuple[str, float]]:
        now = 0.0
        while True:
            while self._free > 0 and (waiting := self._next()) is not None:
                yield waiting.task_id, now
                self._free -= 1
                self._take(waiting)
                self._end_in(waiting, None if waiting.length is None else now + waiting.length)
            upcoming = [*(end[0] for end in self._ends[:1]), *(come[0] for come in self._comes[:1])]
            if not upcoming:
                return
            now = min(upcoming)
            self._pass(now)

    def _pass(self, now: float) -> None:
        """Everything that happens at this moment."""
        while self._ends and self._ends[0][0] <= now:
            ended = heapq.heappop(self._ends)[2]
            self._free += 1
            for share in _shares(ended):
                self._used[share] -= 1
                self._let_go(share)
            for child in self._children[ended.task_id]:
                self._parents[child] -= 1
                if not self._parents[child]:
                    self._come(child, now)
        while self._comes and self._comes[0][0] <= now:
            heapq.heappush(self._ready, (heapq.heappop(self._comes)[1], None))

    def _next(self) -> Waiting | None:
        """The most urgent one that may start."""
        while self._ready:
            number, came_by = heapq.heappop(self._ready)
            waiting = self._queue[number]
            full = next((share for share in _shares(waiting) if self._is_full(share)), None)
            if full is None:
                return waiting
            heapq.heappush(self._held[full], number)
            if came_by is not None and came_by != full:
                self._let_go(came_by)  # the room that it leaves is another's
        return None

    def _let_go(self, share: Share) -> None:
        if self._held[share] and not self._is_full(share):
            heapq.heappush(self._ready, (heapq.heappop(self._held[share]), share))

    def _is_full(self, share: Share) -> bool:
        return self._used[share] >= self._places.limit(share)

    def _take(self, task: Running | Waiting) -> None:
        self._used.update(_shares(task))

    def _end_in(self, task: Running | Waiting, at: float | None) -> None:
        if at is not None:
            heapq.heappush(self._ends, (at, next(self._count), task))

    def _come(self, number: int, now: float) -> None:
        due_in = self._queue[number].due_in
        if due_in > now:
            heapq.heappush(self._comes, (due_in, number))
        else:
            heapq.heappush(self._ready, (number, None))


def _shares(task: Running | Waiting) -> tuple[Share, Share]:
    return ("type", task.type), ("owner", task.owner)
