"""Group commit: what belongs together, who fails and who does not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from api import metrics
from api.domain.event import EventType
from api.errors import Conflict, Unavailable
from api.ports import IdempotentRequest, Transaction
from api.runtime.threads import ThreadRuntime
from api.store.engine import Connection, Database
from api.store.health import Health
from api.store.jobs import Job
from api.store.link import Link
from api.store.migrate import migrate
from api.store.writer import GROUP, Writer
from tests.support.stores import START, a_task, say, task_id, write_lock
from tests.support.waiting import wait_until

Work = Callable[[Transaction], Any]


class Recorded(Connection):
    """A connection that remembers the statements without values."""

    __slots__ = ("said",)

    def execute(self, sql: str) -> None:
        super().execute(sql)
        self.said.append(sql)


class RecordingLink(Link):
    """A link whose connection remembers."""

    said: list[str]

    def connection(self) -> Connection:
        connection = super().connection()
        recorded = Recorded(connection._raw, connection._dialect)
        recorded.said = self.said
        return recorded


class Bench:
    """A writer whose thread starts when told: what was put before then is one group."""

    def __init__(self, database: Database, runtime: ThreadRuntime) -> None:
        self.link = RecordingLink(database, busy_timeout=0.02, writable=True)
        self.link.said = []
        self.woken: list[Job] = []
        self._runtime = runtime
        self._thread: threading.Thread | None = None
        self._writer = Writer(self.link, runtime, Health(runtime, "writer"), lambda: None)

    def put(self, work: Work, patience: float = 1.0) -> Job:
        job = Job(work, _Noting(self), patience)
        job._waiter.job = job
        self._writer.put(job)
        return job

    def run(self, *work: Work) -> list[Job]:
        jobs = [self.put(one) for one in work]
        self.finish()
        return jobs

    def start(self) -> None:
        self._thread = threading.Thread(target=self._writer.run)
        self._thread.start()

    def finish(self) -> None:
        """Let the thread, which starts here unless it runs, do what was put, and end."""
        ended = threading.Event()
        self._writer.close(ended)
        if self._thread is None:
            self.start()
        assert ended.wait(30)

    @property
    def commits(self) -> int:
        return self.link.said.count("COMMIT")


class _Noting(threading.Event):
    """A waiter that notes when its job was woken."""

    job: Job

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench

    def set(self) -> None:
        self._bench.woken.append(self.job)
        super().set()


@pytest.fixture
def database(url: str) -> Database:
    migrate(url)
    return Database(url)


@pytest.fixture
def bench(database: Database, runtime: ThreadRuntime) -> Bench:
    return Bench(database, runtime)


def stored(path: Path) -> list[int]:
    """Numbers of the tasks in the database, in the order of their creation in it."""
    with closing(sqlite3.connect(path)) as connection:
        return [int(row[0][-12:]) for row in connection.execute("SELECT id FROM tasks ORDER BY rowid")]


def add(number: int) -> Work:
    return lambda tx: tx.add_task(a_task(number))


def raising(error: BaseException) -> Work:
    def work(tx: Transaction) -> None:
        raise error

    return work


def half_way(number: int) -> Work:
    """Changes something, then raises."""

    def work(tx: Transaction) -> None:
        tx.add_task(a_task(number))
        raise KeyError("half-way")

    return work


def failing_at_commit(tx: Transaction) -> None:
    """Breaks a foreign key that is checked at the commit."""
    tx._connection.execute("PRAGMA defer_foreign_keys=ON")
    tx.remember("ada", "key", IdempotentRequest("hash", "no such task"), START)


def test_what_is_queued_goes_in_one_commit_and_wakes_in_its_order(bench: Bench, path: Path) -> None:
    jobs = bench.run(*(add(n) for n in range(20)))
    assert bench.commits == 1
    assert bench.woken == jobs
    assert stored(path) == list(range(20))


def test_a_group_is_bounded(bench: Bench) -> None:
    bench.run(*(raising(Conflict()) for _ in range(GROUP + 1)))
    assert bench.commits == 2


def test_a_job_that_raises_before_it_changed_anything_fails_alone_at_no_cost(bench: Bench, path: Path) -> None:
    runs: list[int] = []

    def counted(tx: Transaction) -> None:
        runs.append(1)
        tx.add_task(a_task(1))

    _, refused, _ = jobs = bench.run(counted, raising(Conflict("no")), add(2))
    with pytest.raises(Conflict, match="no"):
        refused.wait()
    assert (runs, bench.commits, bench.woken, stored(path)) == ([1], 1, jobs, [1, 2])


def test_a_job_that_raises_half_way_is_undone_and_its_neighbours_are_kept(bench: Bench, path: Path) -> None:
    jobs = bench.run(add(1), half_way(2), add(3), half_way(4), add(5))
    for job in (jobs[1], jobs[3]):
        with pytest.raises(KeyError, match="half-way"):
            job.wait()
    assert stored(path) == [1, 3, 5]
    assert bench.woken == jobs


def test_no_job_runs_more_often_than_twice_however_many_fail(bench: Bench, path: Path) -> None:
    runs = dict.fromkeys(range(40), 0)

    def work(number: int) -> Work:
        def run(tx: Transaction) -> None:
            runs[number] += 1
            tx.add_task(a_task(number))
            if number % 2:
                raise KeyError(number)

        return run

    jobs = bench.run(*(work(number) for number in runs))
    assert max(runs.values()) == 2
    assert stored(path) == list(range(0, 40, 2))
    assert bench.woken == jobs


def test_a_failed_commit_fails_only_the_guilty_job(bench: Bench, path: Path) -> None:
    jobs = bench.run(add(1), failing_at_commit, add(3))
    with pytest.raises(sqlite3.IntegrityError):
        jobs[1].wait()
    assert stored(path) == [1, 3]
    assert bench.woken == jobs


def test_a_job_that_the_disk_has_no_room_for_is_unavailable_and_the_others_go_on(bench: Bench, path: Path) -> None:
    def limit(tx: Transaction) -> None:
        tx._connection.execute("PRAGMA max_page_count=40")

    huge = a_task(2, params={"bom": "x" * 500_000})
    jobs = bench.run(limit, add(1), lambda tx: tx.add_task(huge), add(3))
    with pytest.raises(Unavailable, match="full"):
        jobs[2].wait()
    for job in (jobs[0], jobs[1], jobs[3]):
        job.wait()
    assert stored(path) == [1, 3]


def test_nothing_that_a_job_raises_ends_the_thread(bench: Bench, path: Path) -> None:
    jobs = bench.run(raising(SystemExit(3)), raising(MemoryError()), raising(KeyboardInterrupt()), add(4))
    for job, error in zip(jobs, (SystemExit, MemoryError, KeyboardInterrupt), strict=False):
        with pytest.raises(error):
            job.wait()
    assert stored(path) == [4]


def test_each_job_waits_for_a_lock_as_long_as_it_is_willing_to(bench: Bench, path: Path) -> None:
    gave_up = bench.put(add(1), patience=0.05)
    patient = bench.put(add(2), patience=30)

    with write_lock(path):
        bench.start()
        with pytest.raises(Unavailable, match="locked"):
            gave_up.wait()
        assert not patient.ended
    patient.wait()
    bench.finish()
    assert stored(path) == [2]


def test_jobs_that_come_after_the_close_are_unavailable(bench: Bench) -> None:
    bench.finish()
    with pytest.raises(Unavailable):
        bench.put(add(1))


def test_a_mistake_in_the_writer_itself_is_heard_by_the_waiting_and_survived(
    bench: Bench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([True])
    next_group = bench._writer._next_group

    def broken_once() -> list[Job]:
        if next(turns, False):
            raise AssertionError("a mistake")
        return next_group()

    monkeypatch.setattr(bench._writer, "_next_group", broken_once)
    first = bench.put(add(1))
    bench.start()
    with pytest.raises(Unavailable, match="a mistake"):
        first.wait()
    bench.put(add(2)).wait()
    bench.finish()
    assert stored(path) == [2]


def test_events_of_one_task_from_many_jobs_of_a_group_continue_one_another(bench: Bench, path: Path) -> None:
    bench.run(add(1), *(lambda tx: say(tx, task_id(1), EventType.LOG) for _ in range(100)))
    with closing(sqlite3.connect(path)) as connection:
        seqs = [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")]
    assert seqs == list(range(1, 101))
    assert bench.commits == 1


def test_every_commit_is_timed(bench: Bench) -> None:
    """Whether their times are told one by one or together."""

    def commits() -> float:
        return sum(bucket.get() for bucket in metrics.COMMITS._buckets)

    before = commits()
    bench.start()
    for number in range(50):
        bench.put(add(number)).wait()
    bench.finish()
    wait_until(lambda: commits() == before + 50)
