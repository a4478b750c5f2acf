"""The journal read page by page, once for all who want the same page at about the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from api.domain.event import Event
from api.ports import Store
from api.runtime.base import Runtime, Waiter

PAGE = 200
"""Events of a page; page n begins with seq n * PAGE + 1."""
CACHED = 32
"""Full pages that are kept: 200 clients that come back at once read them together."""
HEAVIEST = 512 * 1024
"""Characters of text in a page that is kept: one of long tracebacks is read again instead."""
WAIT_SECONDS = 5.0

Key = tuple[str, int]


@dataclass(slots=True)
class _Reading:
    """One read that is under way, and what it found: others who want the same page wait for it."""

    done: Waiter
    page: Sequence[Event] | None = None
    """None as long as there is nothing, for ever when it failed."""


class Pages:
    """A full page never changes, so what is kept is always right."""

    def __init__(self, store: Store, runtime: Runtime) -> None:
        self._store = store
        self._runtime = runtime
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Sequence[Event]] = OrderedDict()
        self._under_way: dict[Key, _Reading] = {}

    def after(self, task_id: str, cursor: int) -> Sequence[Event] | None:
        """The events that follow `cursor`, some at least where there are any; None when the next ones are not
        stored any more. Blocks the calling thread, never the hub; `Unavailable` when the journal is down.
        """
        number = cursor // PAGE
        rest: Sequence[Event] = ()
        own = False
        while not rest and not own:  # one that others began may be older than what is asked for
            page, own = self._page((task_id, number))
            rest = [event for event in page if event.seq > cursor] if cursor > number * PAGE else page
        if rest and rest[-1].seq != cursor + len(rest):
            return None
        return rest

    def _page(self, key: Key) -> tuple[Sequence[Event], bool]:
        """(the page, whether it was read for this caller alone)."""
        while True:
            with self._lock:
                page = self._kept.get(key)
                if page is not None:
                    self._kept.move_to_end(key)
                    return page, True
                reading = self._under_way.get(key)
                if reading is None:
                    reading = self._under_way[key] = _Reading(self._runtime.waiter())
                    break
            reading.done.wait(WAIT_SECONDS)
            if reading.page is not None:
                return reading.page, False
        try:
            reading.page = self._read(key)
        finally:
            with self._lock:
                del self._under_way[key]
            reading.done.set()
        return reading.page, True

    def _read(self, key: Key) -> Sequence[Event]:
        task_id, number = key
        start = number * PAGE
        page = self._store.read(lambda tx: tx.events(task_id, start, limit=PAGE))
        if len(page) == PAGE and page[-1].seq == start + PAGE and is_light(page):
            with self._lock:
                self._kept[key] = page
                while len(self._kept) > CACHED:
                    self._kept.popitem(last=False)
        return page


def is_light(page: Sequence[Event]) -> bool:
    """Whether it may be kept in memory."""
    return sum(len(value) for event in page for value in event.data.values() if isinstance(value, str)) <= HEAVIEST
