"""The write-ahead log: kept short beside the commits, whatever readers do."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api import metrics
from api.domain.event import EventType
from api.errors import Unavailable
from api.ports import Transaction
from api.runtime.threads import ThreadRuntime
from api.store import checkpointer
from api.store.checkpointer import ROWS, Checkpointer
from api.store.engine import Connection, Database, Row
from api.store.health import Health
from api.store.link import Link
from api.store.migrate import migrate
from api.store.sql import SqlStore
from api.store.statement import Statement
from tests.support.stores import a_task, say, task_id
from tests.support.waiting import wait_until

BOUND = 300
PAGE = 4096 + 24


@pytest.fixture
def low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ROWS", 20), ("GATHER_SECONDS", 0.01), ("HARD_BOUND", BOUND)):
        monkeypatch.setattr(checkpointer, name, value)


@pytest.fixture
def store(low_bounds: None, url: str, runtime: ThreadRuntime) -> Iterator[SqlStore]:
    with closing(SqlStore(url, runtime)) as made:
        made.write(lambda tx: tx.add_task(a_task()))
        yield made


def log_of(path: Path) -> Path:
    return path.with_name("journal.db-wal")


def beginnings(path: Path) -> int:
    """How often the log has started over, as its header counts."""
    with log_of(path).open("rb") as log:
        header = log.read(16)
    return int(struct.unpack(">I", header[12:])[0])


def say_much(store: SqlStore, times: int = 1) -> None:
    for _ in range(times):
        store.write(lambda tx: say(tx, task_id(1), EventType.LOG, {"message": "x" * 4000}))


@contextmanager
def reading(store: SqlStore, query: Callable[[Transaction], object], readers: int = 3) -> Iterator[None]:
    """Readers without a pause: at any moment one of them is inside a read."""
    done = threading.Event()

    def read_on() -> None:
        while not done.is_set():
            store.read(query)

    threads = [threading.Thread(target=read_on) for _ in range(readers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_the_log_starts_over_while_readers_page_without_a_pause(store: SqlStore, path: Path) -> None:
    say_much(store, 300)
    before = beginnings(path)
    with reading(store, lambda tx: tx.envelopes(task_id(1), 0, limit=1000)):
        for _ in range(4):
            done = beginnings(path)
            wait_until(lambda done=done: say_much(store) or beginnings(path) > done, timeout=30, interval=0)
    assert beginnings(path) >= before + 4


def test_a_long_read_keeps_no_append_waiting_and_the_log_starts_over_after_it(store: SqlStore, path: Path) -> None:
    say_much(store)
    inside, go_on = threading.Event(), threading.Event()

    def long(tx: Transaction) -> int:
        first = len(tx.events(task_id(1), 0, limit=9999))
        inside.set()
        assert go_on.wait(30)
        return len(tx.events(task_id(1), 0, limit=9999)) - first

    grown: list[int] = []
    reader = threading.Thread(target=lambda: grown.append(store.read(long)))
    reader.start()
    assert inside.wait(10)
    say_much(store, BOUND)
    before = beginnings(path)
    assert log_of(path).stat().st_size > BOUND * PAGE
    go_on.set()
    reader.join()
    assert [0] == grown
    wait_until(lambda: say_much(store) or beginnings(path) > before, interval=0)


def test_the_thread_is_woken_once_for_so_many_rows(url: str, runtime: ThreadRuntime) -> None:
    """Counted from zero again by a connection that was opened anew."""
    thread = Checkpointer(Link(Database(url), busy_timeout=0, writable=True), Health(runtime, "checkpointer"))
    asked = []
    for changes in (1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS):
        thread.committed(changes)
        asked.append(thread._orders.qsize())
    assert [0, 0, 1, 1, 1] == asked
    thread._asked = False
    thread.committed(3)
    assert 2 == thread._orders.qsize()


class Disturbed(Connection):
    """A connection during whose passive checkpoint somebody reads and somebody commits, as always under load."""

    database: Database
    asked: list[Statement]

    def row(self, statement: Statement, **values: Any) -> Row | None:
        self.asked.append(statement)
        if statement is not checkpointer._PASSIVE:
            return super().row(statement, **values)
        with snapshot(self.database):  # for which the commit cannot begin at the start of the log
            found = super().row(statement, **values)
            write_pages(self.database, 1)
        return found


@contextmanager
def snapshot(database: Database) -> Iterator[None]:
    """An open read."""
    with closing(database.connect(busy_timeout=1)) as reader:
        reader.execute("BEGIN")
        reader.row(Statement(text("SELECT * FROM tasks")))
        yield


@pytest.fixture
def disturbed(url: str, runtime: ThreadRuntime, low_bounds: None) -> Iterator[tuple[Checkpointer, Disturbed, Database]]:
    migrate(url)
    database = Database(url)
    connection = Disturbed(database.driver_connection(0.05), database.dialect)
    connection.asked, connection.database = [], database
    link = Link(database, busy_timeout=0.05, writable=True)
    with closing(connection):
        yield Checkpointer(link, Health(runtime, "checkpointer")), connection, database


def write_pages(database: Database, pages: int) -> None:
    """So many commits. The checkpointer's connection, open all the time, keeps the log from being removed."""
    with closing(database.connect(busy_timeout=1)) as connection:
        for _ in range(pages):
            connection.execute("INSERT INTO openings VALUES (hex(randomblob(9)), '', '', '')")


def test_a_log_past_the_bound_starts_over_although_somebody_always_writes(
    disturbed: tuple[Checkpointer, Disturbed, Database], path: Path
) -> None:
    thread, connection, database = disturbed
    write_pages(database, BOUND // 2)
    assert thread._work(connection) is False
    write_pages(database, BOUND)
    assert 0 == beginnings(path)
    assert thread._work(connection) is False
    write_pages(database, 1)
    assert 1 == beginnings(path)
    assert [checkpointer._PASSIVE] * 3 + [checkpointer._RESTART] == connection.asked


def test_writers_are_not_kept_waiting_while_a_long_read_needs_the_log(
    disturbed: tuple[Checkpointer, Disturbed, Database],
) -> None:
    thread, connection, database = disturbed
    with snapshot(database):
        write_pages(database, 2 * BOUND)
        assert thread._work(connection) is True
    assert [checkpointer._PASSIVE] == connection.asked
    assert thread._work(connection) is False


class Flaky(Link):
    """A link that fails the first time."""

    fails = 1

    def connection(self) -> Connection:
        if self.fails:
            self.fails -= 1
            raise Unavailable("the disk has gone")
        return super().connection()


def test_an_error_is_counted_and_tried_again_with_another_connection(
    low_bounds: None, url: str, path: Path, runtime: ThreadRuntime
) -> None:
    migrate(url)
    failures = metrics.FAILURES.labels("store_checkpoint")._value
    before = failures.get()
    with closing(Database(url).connect(busy_timeout=1)) as writing:
        writing.execute("INSERT INTO journal VALUES (1, 'recognisable')")
        assert b"recognisable" not in path.read_bytes()
        thread = Checkpointer(Flaky(Database(url), busy_timeout=0, writable=True), Health(runtime, "checkpointer"))
        runtime.start_native(thread.run, "checkpointer")
        thread.committed(ROWS)
        wait_until(lambda: failures.get() == before + 1)
        thread.committed(2 * ROWS)
        wait_until(lambda: b"recognisable" in path.read_bytes())
        ended = runtime.waiter()
        thread.close(ended)
        assert ended.wait(10)
    assert before + 1 == failures.get()
