"""From nothing, or from an older version, to the tables of this one."""

from __future__ import annotations

import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from api.domain.task import Task
from api.errors import ConfigError, Unavailable
from api.ports import IdempotentRequest
from api.runtime.threads import ThreadRuntime
from api.store import migrate as migration
from api.store.engine import Database
from api.store.migrate import migrate
from api.store.sql import SqlStore
from api.store.tables import metadata
from api.store.values import micros
from tests.support.stores import a_task, say, sqlite_url, task_id, write_lock

JOURNALS = Path(__file__).parent / "journals"
ADDED = (0, None, None, None, None, "[]", "[]", 0)
"""What later columns of a task hold in a journal of the first version; behind its rank there are `LATER`."""
LATER = ("cancel", None, 0.0, "", 0.0, None)
TABLES = ("tasks", "task_tags", "events", "idempotency_keys", "journal")


def test_a_new_database_is_made_with_its_folder(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/not/yet/there é #.db")
    assert (tmp_path / "not/yet/there é #.db").is_file()


def test_migrating_again_changes_nothing(url: str, path: Path, runtime: ThreadRuntime) -> None:
    with closing(SqlStore(url, runtime)) as store:
        store.write(lambda tx: tx.add_task(a_task()))
    before = path.read_bytes()
    migrate(url)
    assert path.read_bytes() == before


def test_the_migrations_lead_to_the_tables_that_the_code_uses(url: str) -> None:
    migrate(url)
    engine = Database(url).engine(busy_timeout=1)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_lead_to_the_indexes_that_the_code_uses(url: str, path: Path) -> None:
    """To the letter: their conditions are not seen above."""
    migrate(url)
    made = create_engine("sqlite://")
    metadata.create_all(made)
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    with closing(sqlite3.connect(path)) as migrated, made.connect() as connection:
        known = dict(connection.exec_driver_sql(indexes).all())
        assert known == dict(migrated.execute(indexes).fetchall())


def test_events_are_stored_in_the_order_of_their_key(url: str, path: Path) -> None:
    """Which the comparison above does not see."""
    migrate(url)
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'").fetchall()
    clustered = {"events", "task_tags", "task_dependencies", "idempotency_keys", "device_tasks", "rule_marks"}
    assert clustered == {name for (name,) in tables}


def test_a_database_of_a_later_version_is_refused_with_what_to_do(url: str, path: Path, runtime: ThreadRuntime) -> None:
    migrate(url)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for attempt in (lambda: migrate(url), lambda: SqlStore(url, runtime)):
        with pytest.raises(ConfigError, match=r"9999.*pip install --upgrade runcast"):
            attempt()


def test_a_database_of_something_else_is_refused_and_left_alone(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(ConfigError, match="RUNCAST_DATABASE_URL"):
        migrate(url)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///:memory:", "postgresql://user:secret@host/db"],
)
def test_a_url_of_no_use_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        migrate(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(url: str, path: Path) -> None:
    path.write_text("hello, this is certainly no database\n" * 100)
    with pytest.raises(ConfigError, match="not a database"):
        migrate(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/journal\.db"):
        migrate(sqlite_url(tmp_path / "file"))


def test_a_locked_database_is_unavailable(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "_PATIENCE", 0.05)
    migrate(url)
    with write_lock(path), pytest.raises(Unavailable):
        migrate(url)


def test_several_processes_may_start_at_once(url: str) -> None:
    """One migrates, the others wait and find it done. (Threads: to SQLite, connections are what counts.)"""
    with ThreadPoolExecutor(4) as pool:
        assert [None] * 4 == list(pool.map(migrate, [url] * 4))


def test_several_processes_may_make_a_new_database_at_once(tmp_path: Path) -> None:
    """Each of 100 is made by four; without more ado SQLite says "locked" to about one in a hundred of them."""
    line_up = threading.Barrier(4)

    def create(number: int) -> None:
        line_up.wait()
        Database(sqlite_url(tmp_path / str(number))).create(patience=10)

    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            list(pool.map(create, [number] * 4))


def test_a_new_database_that_stays_locked_is_unavailable(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="locked"):
            Database(url).create(patience=0.05)


def test_the_root_logger_is_left_as_it_was(url: str) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), root.disabled)
    migrate(url)
    assert (root.level, list(root.handlers), root.disabled) == before


def test_what_was_stored_is_there_after_a_restart(url: str, runtime: ThreadRuntime) -> None:
    with closing(SqlStore(url, runtime)) as store:
        store.write(lambda tx: tx.add_task(a_task()))
    with closing(SqlStore(url, runtime)) as store:
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task()


def test_a_journal_of_the_first_version_keeps_all_and_goes_on(url: str, path: Path, runtime: ThreadRuntime) -> None:
    """`journals/0001.sql` was written by that version: a task with its history, a waiting one, a key."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((JOURNALS / "0001.sql").read_text())
        before = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    with closing(SqlStore(url, runtime)) as store:
        with closing(sqlite3.connect(path)) as connection:
            after = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
        ranks = [0, micros(a_task(2, priority=5).urgency[0])]
        assert (
            before | {"tasks": [(*row, *ADDED, rank, *LATER) for row, rank in zip(before["tasks"], ranks, strict=True)]}
            == after
        )
        ended, waiting = store.read(lambda tx: [tx.task(task_id(1)), tx.task(task_id(2))])
        assert (4, 0, {"x": 1.5}) == (ended.last_seq, ended.trimmed_seq, ended.result)
        assert a_task(2, priority=5) == waiting
        assert [1, 2, 3, 4] == [event.seq for event in store.read(lambda tx: tx.events(task_id(1), 0, limit=9))]
        assert IdempotentRequest("hash", task_id(1)) == store.read(lambda tx: tx.idempotent("local", "key"))
        store.write(lambda tx: say(tx, task_id(2)))
        assert 2 == store.write(lambda tx: tx.trim(task_id(1), 4))


def test_what_runs_elsewhere_during_the_migration_is_heard_of_from_then_on(
    url: str, path: Path, runtime: ThreadRuntime
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript((JOURNALS / "0001.sql").read_text())
        connection.execute("UPDATE tasks SET type = 'external', status = 'running' WHERE id = ?", [task_id(2)])
    before = datetime.now(UTC)
    with closing(SqlStore(url, runtime)) as store:
        ended, running = store.read(lambda tx: [tx.task(task_id(1)), tx.task(task_id(2))])
    assert ended is not None
    assert ended.heard_at is None
    assert running is not None
    assert running.heard_at is not None
    assert before <= running.heard_at <= datetime.now(UTC)


def migrated(path: Path, url: str, runtime: ThreadRuntime, *changes: str) -> list[Task | None]:
    """The two tasks of the first version's journal after the migration, with these changes made before it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript((JOURNALS / "0001.sql").read_text())
        for change in changes:
            connection.execute(change)
    with closing(SqlStore(url, runtime)) as store:
        return store.read(lambda tx: [tx.task(task_id(1)), tx.task(task_id(2))])


PAUSED = (
    'INSERT INTO events VALUES(\'{task}\', {seq}, \'status_change\', \'{{"status":"{status}","message":""}}\', {at})'
)


def test_for_how_long_an_earlier_task_worked_is_taken_from_its_history(
    url: str, path: Path, runtime: ThreadRuntime
) -> None:
    """It ran for 2 s, was paused for 100 s, and ran for 3 s more."""
    began = 1772366400123457
    changes = [
        f"UPDATE events SET seq = 9, at = {began + 105_000_000} WHERE seq = 4",
        PAUSED.format(task=task_id(1), seq=5, status="paused", at=began + 2_000_000),
        PAUSED.format(task=task_id(1), seq=6, status="running", at=began + 102_000_000),
    ]
    ended, _ = migrated(path, url, runtime, *changes)
    assert ended is not None
    assert ended.worked_seconds == 5.0


def test_for_how_long_a_task_worked_is_not_known_while_it_runs_during_the_migration(
    url: str, path: Path, runtime: ThreadRuntime
) -> None:
    ended, waiting = migrated(path, url, runtime, "UPDATE tasks SET status = 'running' WHERE status = 'completed'")
    assert ended is not None
    assert ended.worked_seconds is None
    assert waiting is not None
    assert waiting.worked_seconds == 0.0
