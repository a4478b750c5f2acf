"""The epoch changes when history may have been lost, and only then."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.errors import ConfigError
from api.runtime.threads import ThreadRuntime
from api.store.process import has_ended, this_process
from api.store.sql import SqlStore


def epoch_of(url: str, **options: str) -> str:
    with closing(SqlStore(url, ThreadRuntime(), **options)) as store:
        return store.read(lambda tx: tx.epoch())


def leave_an_opening(path: Path, *, boot_id: str, synchronous: str, process: str = "ns/1/1") -> None:
    """As if a process had not had the time to close the journal."""
    with closing(sqlite3.connect(path)) as connection, connection:
        values = ("left-behind", boot_id, process, synchronous)
        connection.execute("INSERT INTO openings (id, boot_id, process, synchronous) VALUES (?, ?, ?, ?)", values)


def openings(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT process FROM openings")]


def test_a_restart_keeps_the_epoch(url: str) -> None:
    assert epoch_of(url) == epoch_of(url)


def test_each_new_journal_has_an_epoch_of_its_own(url: str, tmp_path: Path) -> None:
    assert epoch_of(url) != epoch_of(f"sqlite:///{tmp_path}/other.db")


def test_a_loss_of_power_under_normal_changes_the_epoch_once(url: str, path: Path) -> None:
    before = epoch_of(url)
    leave_an_opening(path, boot_id="another boot", synchronous="NORMAL")
    after = epoch_of(url)
    assert after != before
    assert epoch_of(url) == after


def test_a_loss_of_power_under_full_keeps_the_epoch(url: str, path: Path) -> None:
    before = epoch_of(url)
    leave_an_opening(path, boot_id="another boot", synchronous="FULL")
    assert epoch_of(url, synchronous="FULL") == before
    assert openings(path) == []


def test_a_restored_journal_whose_epoch_was_taken_away_gets_another_one(url: str, path: Path) -> None:
    """By the line of SQL that docs/explanation/durability.md gives."""
    before = epoch_of(url)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM journal")
    after = epoch_of(url)
    assert after not in ("", before)
    assert after == epoch_of(url)


def test_a_process_that_is_open_beside_keeps_its_note(url: str, path: Path) -> None:
    """A second process, such as the command line, comes and goes."""
    with closing(SqlStore(url, ThreadRuntime())) as store:
        epoch = store.read(lambda tx: tx.epoch())
        assert epoch_of(url) == epoch
        assert openings(path) == [this_process()]
    assert openings(path) == []


def test_this_process_has_not_ended_and_one_that_never_was_has() -> None:
    namespace, pid, started = this_process().rsplit("/", 2)
    assert not has_ended(this_process())
    assert has_ended(f"{namespace}/{pid}/{int(started) - 1}")
    assert has_ended(f"{namespace}/999999999/{started}")
    assert not has_ended(f"elsewhere/{pid}/1")


def test_an_unknown_way_to_synchronise_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="NORMAL, FULL"):
        epoch_of(url, synchronous="OFF")
