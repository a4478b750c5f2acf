"""What the watch tells, and how often."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from api import metrics
from api.domain.announcement import Announcement
from api.errors import Unavailable
from api.services.watch import Marks, Watch
from api.store.memory import MemoryStore
from tests.support.stores import a_task


class Told:
    def __init__(self) -> None:
        self.kinds: list[str] = []

    def announce(self, announcement: Announcement) -> None:
        self.kinds.append(announcement.fields.get("alert_type") or announcement.fields["event"])


def watch(store, told: Told, marks: Marks, folder: Path) -> Watch:
    return Watch(store, None, told, folder, marks, lambda: True)  # type: ignore[arg-type]  # it does not sleep here


def test_a_long_queue_is_told_once_until_it_has_been_short(tmp_path: Path) -> None:
    store, told = MemoryStore(), Told()
    looking = watch(store, told, Marks(3, 0), tmp_path)
    for number in range(1, 5):
        store.write(lambda tx, n=number: tx.add_task(a_task(n)))
        looking.look()
    assert ["queue_long"] == told.kinds
    for number in range(1, 4):
        store.write(lambda tx, n=number: tx.delete_task(a_task(n).id))
        looking.look()
    for number in range(1, 4):
        store.write(lambda tx, n=number: tx.add_task(a_task(n)))
        looking.look()
    assert ["queue_long"] * 2 == told.kinds


def test_a_full_disk_is_told_once_until_there_was_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    looking = watch(MemoryStore(), told, Marks(0, 1000), tmp_path)
    for free in (5000, 900, 0, 999, 5000, 10):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        looking.look()
    assert ["disk_low"] * 2 == told.kinds


def test_slow_commits_and_a_database_that_is_away_are_told(tmp_path: Path) -> None:
    told = Told()

    class Away(MemoryStore):
        gone = False

        def read(self, query):
            if self.gone:
                raise Unavailable("locked")
            return super().read(query)

    store = Away()
    looking = watch(store, told, Marks(0, 0), tmp_path)
    looking.look()
    metrics.COMMITS.observe(0.9)
    looking.look()
    assert [] == told.kinds
    metrics.COMMITS.observe(3.0)
    looking.look()
    looking.look()
    assert ["database_slow"] == told.kinds
    for store.gone in (True, True, False, True):
        looking.look()
    assert ["database_slow", *["database_unavailable"] * 2] == told.kinds
