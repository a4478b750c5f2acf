"""What every store promises of a write and a read: all or nothing, one moment, one after the other."""

from __future__ import annotations

import threading

import pytest

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.errors import Unavailable
from api.ports import IdempotentRequest, Store, Transaction
from tests.contract.tasks import add, found, ids
from tests.support.stores import START, a_task, say, task_id


class TestTransactions:
    def test_a_write_returns_what_its_work_returned(self, store: Store) -> None:
        assert store.write(lambda tx: 42) == 42

    def test_a_write_that_raises_leaves_nothing_behind_and_the_error_arrives(self, store: Store) -> None:
        add(store, a_task(1))

        def half(tx: Transaction) -> None:
            tx.add_task(a_task(2))
            tx.delete_task(task_id(1))
            raise KeyError("half-way")

        with pytest.raises(KeyError, match="half-way"):
            store.write(half)
        assert found(store) == ids(1)

    def test_a_write_sees_its_own_changes(self, store: Store) -> None:
        def work(tx: Transaction) -> tuple[Task | None, int]:
            tx.add_task(a_task())
            say(tx, task_id(1))
            return tx.task(task_id(1)), tx.count(Status.PENDING)

        assert store.write(work) == (a_task(last_seq=1), 1)

    def test_a_read_that_comes_after_a_write_sees_it(self, store: Store) -> None:
        for number in range(50):
            add(store, a_task(number))
            assert store.read(lambda tx: tx.count(Status.PENDING)) == number + 1

    def test_what_is_written_once_a_write_is_queued_comes_after_it(self, store: Store) -> None:
        """And finds what it wrote."""
        counts: list[int] = []

        def count() -> None:
            counts.append(store.write(lambda tx: tx.count(Status.PENDING)))

        store.write(lambda tx: tx.add_task(a_task(1)), queued=count)
        assert counts == [1]

    def test_a_read_sees_one_moment_whatever_is_written_meanwhile(self, store: Store) -> None:
        add(store, a_task(1))
        counted, written = threading.Event(), threading.Event()

        def twice(tx: Transaction) -> tuple[int, int]:
            first = tx.count(Status.PENDING)
            counted.set()
            assert written.wait(10)
            return first, tx.count(Status.PENDING)

        def interfere() -> None:
            assert counted.wait(10)
            add(store, a_task(2))
            written.set()

        writer = threading.Thread(target=interfere)
        writer.start()
        assert store.read(twice) == (1, 1)
        writer.join()
        assert store.read(lambda tx: tx.count(Status.PENDING)) == 2

    def test_a_read_cannot_write(self, store: Store) -> None:
        add(store, a_task())
        event = Event(task_id(1), 1, EventType.LOG, {}, START)
        request = IdempotentRequest("hash", task_id(1))
        for change in (
            lambda tx: tx.add_task(a_task(2)),
            lambda tx: tx.save_task(a_task(name="x")),
            lambda tx: tx.append(a_task(last_seq=1), [event]),
            lambda tx: tx.delete_task(task_id(1)),
            lambda tx: tx.remember("ada", "key", request, START),
        ):
            with pytest.raises(RuntimeError, match=r"use Store\.write"):
                store.read(change)
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task()

    def test_a_write_or_read_inside_another_one_is_refused(self, store: Store) -> None:
        """It would wait for itself for ever."""
        for outer in (store.write, store.read):
            for inner in (store.write, store.read):
                with pytest.raises(RuntimeError, match="inside another one"):
                    outer(lambda tx, inner=inner: inner(lambda tx: None))

    def test_writers_of_many_threads_leave_journals_without_holes(self, store: Store) -> None:
        add(store, *(a_task(n) for n in range(4)))

        def storm(task: str) -> None:
            for _ in range(50):
                store.write(lambda tx: say(tx, task))

        threads = [threading.Thread(target=storm, args=(task_id(n % 4),)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in range(4):
            events = store.read(lambda tx, number=number: tx.events(task_id(number), 0, limit=999))
            assert [event.seq for event in events] == list(range(1, 101))

    def test_a_closed_store_is_unavailable_and_can_be_closed_again(self, store: Store) -> None:
        store.close()
        store.close()
        with pytest.raises(Unavailable):
            store.write(lambda tx: None)
        with pytest.raises(Unavailable):
            store.read(lambda tx: None)
