"""What is announced, from one process to another by the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.domain.announcement import Parcel, Severity, Topic, alert, log
from api.errors import Unavailable
from api.runtime.threads import ThreadRuntime
from api.services.announce import WAITING, Announcements
from api.store.memory import MemoryStore
from tests.support.waiting import wait_until

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Ears:
    def __init__(self) -> None:
        self.heard: list[Parcel] = []

    def pass_on(self, parcel: Parcel) -> None:
        self.heard.append(parcel)


class Flaky(MemoryStore):
    down = False

    def write(self, work: Any) -> Any:
        if self.down:
            raise Unavailable("locked")
        return super().write(work)


def process(store: MemoryStore, *, serves: bool) -> tuple[Announcements, Ears]:
    ears, runtime = Ears(), ThreadRuntime()
    announcements = Announcements(store, lambda: AT, runtime, ears)
    if serves:
        runtime.spawn(announcements.run)
        wait_until(lambda: announcements._heard is not None)
    return announcements, ears


def test_each_process_hears_everything_once() -> None:
    store = MemoryStore()
    (one, here), (two, there) = (process(store, serves=True) for _ in range(2))
    (script, _) = process(store, serves=False)
    for sender in (one, two, script):
        sender.announce(alert("k", "t", "m", Severity.INFO))
    for ears in (here, there):
        wait_until(lambda ears=ears: len(ears.heard) == 3)
    for sender in (one, two):
        sender.leave()


def test_a_script_writes_the_first_at_once_and_the_rest_soon() -> None:
    store = MemoryStore()
    script, _ = process(store, serves=False)

    def stored() -> list[Parcel]:
        return [parcel for _, parcel in store.read(lambda tx: tx.parcels(after=0, without="", limit=100))]

    script.announce(log("info", "0", "m"))
    assert 1 == len(stored())
    for number in range(1, 1000):
        script.announce(log("info", str(number), "m"))
    wait_until(lambda: sum(parcel.count for parcel in stored()) == 1000)
    assert len(stored()) < 50
    assert "999" == stored()[-1].items[-1]["message"]


def test_nothing_is_lost_while_the_journal_is_away_and_the_memory_is_bounded() -> None:
    store = Flaky()
    script, _ = process(store, serves=False)
    store.down = True
    for number in range(WAITING + 500):
        script.announce(alert("k", str(number), "m", Severity.INFO))
    assert len(script._waiting) <= WAITING
    store.down = False

    def stored() -> list[Parcel]:
        return [parcel for _, parcel in store.read(lambda tx: tx.parcels(after=0, without="", limit=9999))]

    wait_until(lambda: sum(parcel.count for parcel in stored()) == WAITING + 500)
    assert {Topic.ALERTS} == {parcel.topic for parcel in stored()}
