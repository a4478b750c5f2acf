"""Forecasts: when tasks that have not ended can be expected to start and to end.

Made when somebody asks, never for an event. What everybody's answer goes by, the queue played through, is kept for a
moment: however many ask, it is done about once a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.domain.estimate import LOOKED_THROUGH, UNKNOWN, Course, Earlier, Outlook, worked
from api.domain.event import EventType
from api.domain.forecast import Places, Running, Waiting, starts
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.domain.workload import Workload
from api.ports import Clock, Pending, Store, Transaction

QUEUE = 1000
"""So many of the waiting tasks are played through, the most urgent ones; of those behind them no start is known.
To read them and to play them through takes some 15 ms."""
FRESH_SECONDS = 1.0
"""How old what is known of the queue may be."""


@dataclass(frozen=True, slots=True)
class _Queue:
    """The queue, played through."""

    starts: Mapping[str, datetime]
    seen: frozenset[str]
    """The tasks that were in it, whether or not it is known when they start."""
    whole: bool
    """Nobody waited behind those."""


class Forecasts:
    def __init__(self, store: Store, clock: Clock, workloads: Mapping[str, Workload], places: Places) -> None:
        self._store = store
        self._clock = clock
        self._workloads = workloads
        self._places = places
        self._queue = _Queue({}, frozenset(), whole=True)
        self._fresh_until = -math.inf

    def of(self, tasks: Sequence[Task]) -> list[Outlook]:
        """The outlook of each, in their order; `UNKNOWN` for those that have ended."""
        if all(task.terminal for task in tasks):
            return [UNKNOWN] * len(tasks)
        pending = {task.id for task in tasks if task.status is Status.PENDING}
        queue = self._queue_with(pending) if pending else self._queue
        now = self._clock()

        def read(tx: Transaction) -> list[Outlook]:
            courses = _Courses(tx, self._workloads)
            return [UNKNOWN if task.terminal else _outlook(tx, task, courses, queue, now) for task in tasks]

        return self._store.read(read)

    def _queue_with(self, task_ids: set[str]) -> _Queue:
        """What is known of the queue, anew when that is too old or none of these tasks were in it yet."""
        now = time.monotonic()
        is_news = self._queue.whole and not task_ids <= self._queue.seen
        if is_news or now >= self._fresh_until:
            self._fresh_until = now + FRESH_SECONDS  # who asks while it is made gets the one before
            self._queue = self._play()
        return self._queue

    def _play(self) -> _Queue:
        now = self._clock()

        def read(tx: Transaction) -> tuple[list[Running], list[Waiting], bool]:
            courses = _Courses(tx, self._workloads)
            running = [Running(task.id, task.type, task.owner, _left(tx, task, courses, now)) for task in tx.held()]
            pending = tx.pending(limit=QUEUE + 1)
            queue = [_waiting(each, courses, now) for each in pending[:QUEUE]]
            return running, queue, len(pending) <= QUEUE

        running, queue, whole = self._store.read(read)
        found = starts(self._places, running, queue)
        return _Queue(
            {task_id: now + timedelta(seconds=seconds) for task_id, seconds in found.items()},
            frozenset(each.task_id for each in queue),
            whole,
        )


class _Courses:
    """How long tasks like a given one took: the earlier ones of each type are read once."""

    def __init__(self, tx: Transaction, workloads: Mapping[str, Workload]) -> None:
        self._tx = tx
        self._workloads = workloads
        self._earlier: dict[str, Earlier] = {}

    def like(self, type_: str, size: str) -> Course | None:
        if type_ not in self._earlier:
            self._earlier[type_] = Earlier(self._tx.runs(type_, limit=LOOKED_THROUGH))
        workload = self._workloads.get(type_)
        # That two tasks are external says nothing of how long they take.
        return self._earlier[type_].like(size, by_type=workload is None or not workload.external)


def _outlook(tx: Transaction, task: Task, courses: _Courses, queue: _Queue, now: datetime) -> Outlook:
    usual = courses.like(task.type, task.size)
    done = worked(task, now)
    expected = usual.expected(done) if usual is not None and done is not None else None
    starts_at = ends_at = None
    if task.status is Status.PENDING:
        starts_at = queue.starts.get(task.id)
        if starts_at is not None:
            starts_at = max(starts_at, now)
            if expected is not None and done is not None:
                ends_at = starts_at + timedelta(seconds=expected - done)
    elif task.status is Status.RUNNING:
        left = _left(tx, task, courses, now)
        ends_at = None if left is None else now + timedelta(seconds=left)
    return Outlook(expected, usual.basis if usual is not None and expected is not None else None, starts_at, ends_at)


def _left(tx: Transaction, task: Task, courses: _Courses, now: datetime) -> float | None:
    """In how many seconds a task that has a worker will end: by what it says itself, else by others."""
    if task.status is not Status.RUNNING:
        return None
    own = _own_rest(tx, task, now) if task.eta_seconds is not None else None
    return own if own is not None else _rest(courses.like(task.type, task.size), worked(task, now))


def _own_rest(tx: Transaction, task: Task, now: datetime) -> float | None:
    """By the latest progress of this attempt; the time of a pause since then does not count."""
    said = tx.latest_event(task.id, (EventType.PROGRESS,), upto=task.last_seq)
    eta = said.data.get("eta_seconds") if said is not None else None
    if said is None or eta is None or said.data["attempt"] != task.attempt:
        return None
    since = max(said.at, task.working_since or said.at)
    return max(0.0, float(eta) - (now - since).total_seconds())


def _waiting(task: Pending, courses: _Courses, now: datetime) -> Waiting:
    due_in = max(0.0, (task.due_at - now).total_seconds()) if task.due_at is not None else 0.0
    length = _rest(courses.like(task.type, task.size), task.worked_seconds)
    return Waiting(task.task_id, task.type, task.owner, length, due_in, task.waiting_on)


def _rest(usual: Course | None, done: float | None) -> float | None:
    if usual is None or done is None:
        return None
    expected = usual.expected(done)
    return None if expected is None else expected - done
