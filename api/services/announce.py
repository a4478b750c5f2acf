"""Announcements: told to those who listen in this process, and by the journal to those who listen at others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Protocol

from api import metrics
from api.domain.announcement import THROTTLED, Announcement, Gathering, Parcel, Topic
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Clock, Store, Transaction
from api.runtime.base import Runtime

_log = get_logger(__name__)
PERIOD_SECONDS = 0.1
"""What is announced within so long is written together."""
LOOK_SECONDS = 0.5
"""How often it is looked for what other processes announce."""
WAITING = 1000
"""Messages that wait to be written one by one; what comes above that is gathered."""
KEPT = 10_000
"""Messages in the journal; the others have long been heard, or nobody listens."""
PAGE = 500


class Ears(Protocol):
    """Those who listen in this process."""

    def pass_on(self, parcel: Parcel) -> None:
        """From any thread; never blocks, never raises."""


class Announcements:
    """An `api.ports.Announcer`. In a process that serves nobody, whoever announces writes to the journal itself."""

    def __init__(self, store: Store, clock: Clock, runtime: Runtime, ears: Ears) -> None:
        self._store = store
        self._clock = clock
        self._runtime = runtime
        self._ears = ears
        self._origin = uuid.uuid4().hex
        self._lock = runtime.lock()
        self._waiting: list[Parcel] = []
        self._gathered: dict[tuple[Topic, str | None], Gathering] = {}
        self._nudge = runtime.waiter()
        self._heard: int | None = None
        """The number of the last message of another process; None: not looked yet."""
        self._serving = False
        self._flushing = False
        self._leaving = False

    def announce(self, announcement: Announcement) -> None:
        parcel = announcement.parcel(self._clock())
        self._ears.pass_on(parcel)
        with self._lock:
            self._keep(parcel)
            mine = not self._serving and not self._flushing
            self._flushing = self._flushing or mine
        self._nudge.set()
        if mine:
            self.flush()
            self._runtime.post(self._runtime.spawn, self._flush_later)

    def flush(self) -> None:
        """Write what waits; a journal that cannot be written is logged, and what waits goes on waiting."""
        parcels = self._taken()
        if not parcels:
            return
        try:
            self._store.write(lambda tx: tx.add_parcels(self._origin, parcels, keep=KEPT))
        except RuncastError as error:
            metrics.failure("announce")
            _log.warning("announcements_delayed", reason=error.message)
            with self._lock:
                for parcel in parcels:
                    self._keep(parcel)

    # -- in a process that serves: a loop

    def run(self) -> None:
        """The loop of a background thread of its own."""
        self._serving = True
        while not self._leaving:
            self._nudge = self._runtime.waiter()
            if not self._waits():
                self._nudge.wait(LOOK_SECONDS)
            self.flush()
            self._listen()
            self._runtime.sleep(PERIOD_SECONDS)

    def leave(self) -> None:
        self._leaving = True
        self._nudge.set()

    def _listen(self) -> None:
        try:
            more = True
            while more:
                more = self._hear()
        except RuncastError as error:
            metrics.failure("announcements_heard")
            _log.debug("announcements_not_heard", reason=error.message)

    def _hear(self) -> bool:
        """Pass a page of what others have announced on; whether there is more."""
        after = self._heard
        if after is None:
            self._heard = self._store.read(lambda tx: tx.last_parcel())
            return False

        def read(tx: Transaction) -> list[tuple[int, Parcel]]:
            return tx.parcels(after=after, without=self._origin, limit=PAGE)

        found = self._store.read(read)
        for number, parcel in found:
            self._heard = number
            self._ears.pass_on(parcel)
        return len(found) == PAGE

    # -- in another one

    def _flush_later(self) -> None:
        """For as long as something comes in each period, in a thread of its own."""
        while True:
            self._runtime.sleep(PERIOD_SECONDS)
            with self._lock:
                if not self._waiting and not self._gathered:
                    self._flushing = False
                    return
            self.flush()

    # -- what waits

    def _keep(self, parcel: Parcel) -> None:
        """Locked."""
        if (parcel.topic in THROTTLED and parcel.throttle) or len(self._waiting) >= WAITING:
            self._gathered.setdefault((parcel.topic, parcel.owner), Gathering()).add(parcel)
        else:
            self._waiting.append(parcel)

    def _waits(self) -> bool:
        return bool(self._waiting or self._gathered)

    def _taken(self) -> Sequence[Parcel]:
        with self._lock:
            waiting, self._waiting = self._waiting, []
            gathered, self._gathered = self._gathered, {}
        for (topic, owner), gathering in gathered.items():
            count, items = gathering.taken()
            waiting.append(Parcel(topic, items, count, owner))
        return waiting
