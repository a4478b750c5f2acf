"""Retention: history that is too old, or too much of one task, is removed, and idempotency keys and devices' own ids of
tasks that have ended are forgotten; tasks and their results stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from api import metrics
from api.log import get_logger
from api.ports import Clock, Store, Stretch, Transaction

_log = get_logger(__name__)
BATCH = 500
"""Events per transaction: 0.7 ms of the writer's time, in which everybody's commits wait."""
PAGE = 200
"""Tasks per look for candidates; to look through 100,000 that have none takes a reader 50 ms."""
REST_SECONDS, REST = 0.05, 10
"""Waited after a batch: at least so long, and so many times as long as it took, for the writer to be free in between.
10,000 events a second at most."""
KEY_AGE = timedelta(days=7)
"""How long an idempotency key is remembered, whatever is kept of the history: longer than any client goes on trying to
get one request through, and the keys of a busy server stay a few megabytes."""
NAME_AGE = timedelta(days=7)
"""How long after a task's end it is known what its device calls it: longer than any reader is behind."""


class Retention:
    """`sweep` goes through the journal once. While everything is to be kept, only keys and names go."""

    def __init__(
        self, store: Store, clock: Clock, sleep: Callable[[float], None], *, days: float = 0, events: int = 0
    ) -> None:
        """`days`: how long an event is kept; `events`: how many of one task are; 0 for all."""
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._age = timedelta(days=days)
        self._events = events

    def sweep(self) -> int:
        """Remove what is to go, a little at a time; how many events went. `Unavailable` ends it half-way:
        the next one goes on from there."""
        now = self._clock()
        self._forget(lambda tx: tx.forget_requests(now - KEY_AGE, limit=BATCH))
        self._forget(lambda tx: tx.forget_device_tasks(now - NAME_AGE, limit=BATCH))
        removed = 0
        for batch in self._batches():
            removed += batch
            metrics.TRIMMED.inc(batch)
        if removed:
            _log.info("history_trimmed", events=removed)
        return removed

    def _batches(self) -> Iterator[int]:
        if self._age:
            yield from self._older_than(self._clock() - self._age)
        if self._events:
            yield from self._beyond(self._events)

    def _older_than(self, before: datetime) -> Iterator[int]:
        for stretch in self._stretches(longer_than=0, created_before=before):
            while (upto := self._expired(stretch.task_id, before)) is not None:
                yield self._trim(stretch.task_id, upto)

    def _beyond(self, events: int) -> Iterator[int]:
        for stretch in self._stretches(longer_than=events):
            target = stretch.last_seq - events
            for upto in range(stretch.trimmed_seq + BATCH, target + BATCH, BATCH):
                yield self._trim(stretch.task_id, min(upto, target))

    def _stretches(self, *, longer_than: int, created_before: datetime | None = None) -> Iterator[Stretch]:
        after: Stretch | None = None
        while page := self._page(longer_than, created_before, after):
            yield from page
            after = page[-1]

    def _page(self, longer_than: int, created_before: datetime | None, after: Stretch | None) -> list[Stretch]:
        return self._store.read(
            lambda tx: tx.stretches(longer_than=longer_than, created_before=created_before, after=after, limit=PAGE)
        )

    def _expired(self, task_id: str, before: datetime) -> int | None:
        return self._store.read(lambda tx: tx.expired(task_id, before, limit=BATCH))

    def _trim(self, task_id: str, upto: int) -> int:
        started = time.monotonic()
        removed = self._store.write(lambda tx: tx.trim(task_id, upto))
        self._rest(time.monotonic() - started)
        return removed

    def _forget(self, some: Callable[[Transaction], int]) -> None:
        while self._store.write(some) == BATCH:
            self._rest(REST_SECONDS)

    def _rest(self, seconds: float) -> None:
        self._sleep(max(REST_SECONDS, REST * seconds))
