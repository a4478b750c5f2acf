"""The SQL store as a whole: outages, recovery, closing."""

from __future__ import annotations

import shutil
import threading
from contextlib import closing
from pathlib import Path

import pytest

from api.domain.lifecycle import Status
from api.errors import Unavailable
from api.ports import Transaction
from api.runtime.threads import ThreadRuntime
from api.store.sql import SqlStore
from tests.support.stores import a_task, say, sqlite_url, task_id, write_lock
from tests.support.waiting import wait_until


def pending(store: SqlStore) -> int:
    return store.read(lambda tx: tx.count(Status.PENDING))


def test_a_lock_held_for_too_long_is_unavailable_then_all_goes_on(store: SqlStore, path: Path) -> None:
    with write_lock(path):
        with pytest.raises(Unavailable, match="locked"):
            store.write(lambda tx: tx.add_task(a_task(1)))
        assert pending(store) == 0
    store.write(lambda tx: tx.add_task(a_task(2)))
    assert pending(store) == 1


def test_a_lock_held_for_a_moment_is_waited_for(url: str, path: Path, runtime: ThreadRuntime) -> None:
    started = threading.Event()
    with closing(SqlStore(url, runtime, busy_timeout=30)) as store:

        def add() -> None:
            started.set()
            store.write(lambda tx: tx.add_task(a_task(1)))

        thread = threading.Thread(target=add)
        with write_lock(path):
            thread.start()
            assert started.wait(10)
        thread.join(30)
        assert pending(store) == 1


def test_a_database_that_is_gone_is_unavailable_until_it_is_back(store: SqlStore, path: Path) -> None:
    """Nothing may go on in the file that was moved away: what is committed there would not be found again."""
    store.write(lambda tx: tx.add_task(a_task(1)))
    away = path.with_name("moved-away.db")
    path.rename(away)
    with pytest.raises(Unavailable, match=r"journal\.db is gone"):
        store.write(lambda tx: tx.add_task(a_task(2)))
    with pytest.raises(Unavailable, match=r"journal\.db is gone"):
        pending(store)
    assert not path.exists()
    away.rename(path)
    store.write(lambda tx: tx.add_task(a_task(3)))
    assert pending(store) == 2


def test_another_database_put_in_its_place_is_opened_with_its_own_epoch(
    store: SqlStore, path: Path, tmp_path: Path, runtime: ThreadRuntime
) -> None:
    (tmp_path / "other").mkdir()
    with closing(SqlStore(sqlite_url(tmp_path / "other"), runtime)) as other:
        other.write(lambda tx: tx.add_task(a_task(5)))
        its_epoch = other.read(lambda tx: tx.epoch())
    store.write(lambda tx: tx.add_task(a_task(1)))
    for left in path.parent.glob("journal.db*"):
        left.unlink()
    shutil.copy(tmp_path / "other/journal.db", path)
    assert store.write(lambda tx: (tx.epoch(), tx.task(task_id(1)))) == (its_epoch, None)
    assert store.read(lambda tx: (tx.epoch(), tx.task(task_id(5)))) == (its_epoch, a_task(5))


def test_a_database_without_our_tables_put_in_its_place_is_unavailable(store: SqlStore, path: Path) -> None:
    for left in path.parent.glob("journal.db*"):
        left.unlink()
    path.touch()
    with pytest.raises(Unavailable, match="no such table"):
        store.write(lambda tx: tx.add_task(a_task(1)))
    with pytest.raises(Unavailable, match="no such table"):
        pending(store)


def test_a_write_that_slips_past_the_guard_of_a_read_is_refused_by_the_database(store: SqlStore) -> None:
    def sneak(tx: Transaction) -> None:
        tx._connection.execute("DELETE FROM journal")

    with pytest.raises(Unavailable, match="readonly"):
        store.read(sneak)
    assert pending(store) == 0


def test_a_read_that_raises_leaves_the_reader_usable(store: SqlStore) -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            store.read(lambda tx: 1 // 0)
    assert pending(store) == 0


def test_long_reads_do_not_keep_writes_waiting(store: SqlStore) -> None:
    reading, written = threading.Event(), threading.Event()

    def read(tx: Transaction) -> bool:
        tx.count(Status.PENDING)
        reading.set()
        return written.wait(10)

    thread = threading.Thread(target=lambda: store.read(read))
    thread.start()
    assert reading.wait(10)
    store.write(lambda tx: tx.add_task(a_task(1)))
    written.set()
    thread.join()


def test_closing_does_what_is_queued_and_empties_the_log(url: str, path: Path, runtime: ThreadRuntime) -> None:
    store = SqlStore(url, runtime)
    entered, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        entered.set()
        assert go_on.wait(10)
        tx.add_task(a_task(0))

    writers = [threading.Thread(target=store.write, args=(slow,))]
    writers[0].start()
    assert entered.wait(10)
    writers += [threading.Thread(target=store.write, args=(lambda tx, n=n: tx.add_task(a_task(n)),)) for n in (1, 2)]
    for writer in writers[1:]:
        writer.start()
    wait_until(lambda: store._writer._queue._queue.qsize() == 2)
    closer = threading.Thread(target=store.close)
    closer.start()
    go_on.set()
    for thread in (*writers, closer):
        thread.join(10)
    assert not path.with_name("journal.db-wal").exists()
    with closing(SqlStore(url, runtime)) as again:
        assert pending(again) == 3


def test_callers_who_come_while_the_store_is_closing_get_an_answer(url: str, runtime: ThreadRuntime) -> None:
    """Done or `Unavailable`, but never left waiting; what was acknowledged is there."""
    for _ in range(4):
        store = SqlStore(url, runtime)
        store.write(lambda tx: tx.delete_task(task_id(1)))
        store.write(lambda tx: tx.add_task(a_task(1)))
        acknowledged = []

        def storm(store: SqlStore = store, acknowledged: list[int] = acknowledged) -> None:
            try:
                while True:
                    acknowledged.append(store.write(lambda tx: say(tx, task_id(1))).seq)
                    store.read(lambda tx: tx.count(Status.PENDING))
            except Unavailable:
                return

        threads = [threading.Thread(target=storm) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda acknowledged=acknowledged: len(acknowledged) >= 20)
        store.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        with closing(SqlStore(url, runtime)) as again:
            stored = again.read(lambda tx: tx.events(task_id(1), 0, limit=100_000))
        assert sorted(acknowledged) == [event.seq for event in stored]
