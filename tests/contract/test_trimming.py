"""What every store does when history is trimmed: which events go, which stay, what is known of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.ports import IdempotentRequest, Store, Stretch, Transaction
from tests.contract.tasks import add
from tests.support.stores import START, a_task, say, task_id

ONE = task_id(1)
MINUTE = timedelta(minutes=1)
LATER = START + 1000 * MINUTE


def fill(store: Store, types: Sequence[EventType], task: str = ONE, apart: timedelta = MINUTE) -> None:
    """One event of each of these types, `apart` from one another, the first one at START."""

    def append(tx: Transaction) -> None:
        before = tx.task(task)
        assert before is not None
        start = before.last_seq
        events = [Event(task, start + n, type_, {"n": n}, START + n * apart) for n, type_ in enumerate(types, 1)]
        tx.append(replace(before, last_seq=start + len(events)), events)

    store.write(append)


def logs(store: Store, count: int, task: str = ONE) -> None:
    fill(store, [EventType.LOG] * count, task)


def seqs(store: Store, task: str = ONE) -> list[int]:
    return store.read(lambda tx: [event.seq for event in tx.events(task, 0, limit=9999)])


def trim(store: Store, upto: int, task: str = ONE) -> int:
    return store.write(lambda tx: tx.trim(task, upto))


def trimmed_seq(store: Store, task: str = ONE) -> int:
    stored = store.read(lambda tx: tx.task(task))
    assert stored is not None
    return stored.trimmed_seq


def stretches(store: Store, **where: object) -> list[Stretch]:
    return store.read(lambda tx: tx.stretches(**{"longer_than": 0, "limit": 99, **where}))


class TestTrim:
    def test_events_up_to_a_seq_go_and_the_task_says_so(self, store: Store) -> None:
        add(store, a_task())
        logs(store, 10)
        assert 6 == trim(store, 6)
        assert [7, 8, 9, 10] == seqs(store)
        assert a_task(last_seq=10, trimmed_seq=6) == store.read(lambda tx: tx.task(ONE))

    def test_the_latest_change_of_state_error_and_progress_stay(self, store: Store) -> None:
        status, progress, log, error = EventType.STATUS_CHANGE, EventType.PROGRESS, EventType.LOG, EventType.ERROR
        add(store, a_task())
        fill(store, [status, progress, log, status, progress, log, error, log])
        trim(store, 8)
        assert [4, 5, 7] == seqs(store)

        def latest(tx: Transaction) -> list[Event | None]:
            return [tx.latest_event(ONE, [type_], upto=8) for type_ in (status, error, progress)]

        assert [4, 7, 5] == [event and event.seq for event in store.read(latest)]

    def test_what_stayed_goes_when_something_later_of_its_type_is_there(self, store: Store) -> None:
        add(store, a_task())
        fill(store, [EventType.PROGRESS, EventType.LOG])
        trim(store, 2)
        fill(store, [EventType.PROGRESS, EventType.LOG])
        assert [1, 3, 4] == seqs(store)
        assert 1 == trim(store, 3)
        assert [3, 4] == seqs(store)

    def test_trimming_never_goes_back_nor_past_the_end(self, store: Store) -> None:
        add(store, a_task())
        logs(store, 5)
        assert [3, 0, 0, 0, 2] == [trim(store, upto) for upto in (3, 3, 2, 0, 99)]
        assert 5 == trimmed_seq(store)
        logs(store, 1)
        assert [6] == seqs(store)

    def test_a_task_that_is_gone_has_nothing_to_trim(self, store: Store) -> None:
        assert 0 == trim(store, 5)

    def test_the_task_keeps_all_but_its_events(self, store: Store) -> None:
        ended = a_task(status=Status.COMPLETED, result={"x": 1}, tags=("a",), artifact_dir="runs/1", message="done")
        add(store, ended)
        logs(store, 5)
        trim(store, 5)
        assert replace(ended, last_seq=5, trimmed_seq=5) == store.read(lambda tx: tx.task(ONE))

    def test_other_tasks_keep_theirs(self, store: Store) -> None:
        add(store, a_task(1), a_task(2))
        logs(store, 3, task_id(1))
        logs(store, 3, task_id(2))
        trim(store, 3, task_id(1))
        assert ([], [1, 2, 3]) == (seqs(store, task_id(1)), seqs(store, task_id(2)))

    def test_an_append_and_a_save_leave_it_as_it_is(self, store: Store) -> None:
        """Whatever the task, read before the trim, says."""
        add(store, a_task())
        logs(store, 4)
        before = store.read(lambda tx: tx.task(ONE))
        assert before is not None
        trim(store, 3)
        event = Event(ONE, 5, EventType.LOG, {}, START)
        store.write(lambda tx: tx.append(replace(before, last_seq=5), [event]))
        assert 3 == trimmed_seq(store)
        store.write(lambda tx: tx.save_task(replace(before, last_seq=5, name="edited")))
        assert a_task(name="edited", last_seq=5, trimmed_seq=3) == store.read(lambda tx: tx.task(ONE))

    def test_a_read_cannot_trim(self, store: Store) -> None:
        for change in (lambda tx: tx.trim(ONE, 1), lambda tx: tx.forget_requests(START, limit=1)):
            with pytest.raises(RuntimeError, match=r"use Store\.write"):
                store.read(change)

    def test_appends_and_trims_at_once_conflict_in_neither_and_leave_no_hole(self, store: Store) -> None:
        add(store, a_task())

        def append_all() -> None:
            for _ in range(200):
                store.write(lambda tx: say(tx, ONE))

        appender = threading.Thread(target=append_all)
        appender.start()
        while appender.is_alive():
            trim(store, seqs(store)[-1] - 5 if seqs(store) else 0)
        appender.join()
        first = trimmed_seq(store) + 1
        assert list(range(first, 201)) == seqs(store)


class TestStretches:
    def test_tasks_with_more_untrimmed_events_are_found_oldest_first(self, store: Store) -> None:
        add(store, *(a_task(n) for n in (3, 1, 2)))
        for number, count in ((1, 5), (2, 2), (3, 6)):
            logs(store, count, task_id(number))
        trim(store, 2, task_id(3))
        expected = [
            Stretch(task_id(1), START + timedelta(seconds=1), 0, 5),
            Stretch(task_id(3), START + timedelta(seconds=3), 2, 6),
        ]
        assert expected == stretches(store, longer_than=3)

    def test_only_those_created_before_a_moment_when_asked(self, store: Store) -> None:
        add(store, a_task(1), a_task(2))
        logs(store, 1, task_id(1))
        logs(store, 1, task_id(2))
        found = stretches(store, created_before=START + timedelta(seconds=2))
        assert [task_id(1)] == [stretch.task_id for stretch in found]

    @pytest.mark.parametrize("aged", [False, True])
    def test_pages_follow_one_another(self, store: Store, aged: bool) -> None:
        add(store, *(a_task(n, created_at=START + timedelta(seconds=n // 3)) for n in range(1, 8)))
        for number in range(1, 8):
            logs(store, 1, task_id(number))
        where = {"created_before": LATER} if aged else {}
        seen: list[Stretch] = []
        while page := stretches(store, limit=2, after=seen[-1] if seen else None, **where):
            seen += page
        assert [task_id(n) for n in range(1, 8)] == [stretch.task_id for stretch in seen]


class TestExpired:
    def test_the_events_older_than_a_moment_that_history_begins_with(self, store: Store) -> None:
        add(store, a_task())
        logs(store, 5)
        for minutes, expected in ((1, None), (3, 2), (99, 5)):
            before = START + minutes * MINUTE
            assert expected == store.read(lambda tx, before=before: tx.expired(ONE, before, limit=9))

    def test_it_looks_at_so_many_past_what_was_trimmed(self, store: Store) -> None:
        add(store, a_task())
        fill(store, [EventType.PROGRESS, *[EventType.LOG] * 9])
        trim(store, 4)
        assert 7 == store.read(lambda tx: tx.expired(ONE, LATER, limit=3))
        trim(store, 10)
        assert store.read(lambda tx: tx.expired(ONE, LATER, limit=3)) is None

    def test_a_task_that_is_gone_has_none(self, store: Store) -> None:
        assert store.read(lambda tx: tx.expired(ONE, LATER, limit=3)) is None

    def test_a_younger_event_shields_those_after_it_whatever_their_time(self, store: Store) -> None:
        """The clock was set back: history goes in the order of seq, never with a hole."""
        add(store, a_task())
        fill(store, [EventType.LOG, EventType.LOG], apart=MINUTE)
        fill(store, [EventType.LOG, EventType.LOG], apart=-100 * MINUTE)
        assert 1 == store.read(lambda tx: tx.expired(ONE, START + 2 * MINUTE, limit=9))
        assert 4 == store.read(lambda tx: tx.expired(ONE, START + 3 * MINUTE, limit=9))


class TestOldKeys:
    def test_keys_remembered_before_a_moment_are_forgotten_so_many_at_a_time(self, store: Store) -> None:
        add(store, a_task())
        request = IdempotentRequest("hash", ONE)
        for n in range(5):
            store.write(lambda tx, n=n: tx.remember("ada", f"key {n}", request, START + n * MINUTE))
        before = START + 3 * MINUTE
        assert [2, 1, 0] == [store.write(lambda tx: tx.forget_requests(before, limit=2)) for _ in range(3)]
        known = [store.read(lambda tx, n=n: tx.idempotent("ada", f"key {n}")) for n in range(5)]
        assert [None, None, None, request, request] == known

    def test_a_key_that_was_forgotten_can_be_used_again(self, store: Store) -> None:
        add(store, a_task(1), a_task(2))
        store.write(lambda tx: tx.remember("ada", "key", IdempotentRequest("hash", ONE), START))
        store.write(lambda tx: tx.forget_requests(LATER, limit=9))
        again = IdempotentRequest("other", task_id(2))
        store.write(lambda tx: tx.remember("ada", "key", again, LATER))
        assert again == store.read(lambda tx: tx.idempotent("ada", "key"))

    def test_the_keys_of_a_deleted_task_are_not_counted(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: tx.remember("ada", "key", IdempotentRequest("hash", ONE), START))
        store.write(lambda tx: tx.delete_task(ONE))
        assert 0 == store.write(lambda tx: tx.forget_requests(LATER, limit=9))
