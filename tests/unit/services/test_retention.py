"""Retention: what a sweep removes, and how gently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.domain.device_task import DeviceTask
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.errors import Unavailable
from api.ports import IdempotentRequest, Transaction
from api.services.retention import BATCH, KEY_AGE, NAME_AGE, REST_SECONDS, Retention
from api.store.memory import MemoryStore
from tests.support.stores import START, a_task, task_id

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Batches(MemoryStore):
    """A store that notes how many events each write removed."""

    def __init__(self) -> None:
        super().__init__()
        self.removed: list[int] = []
        self.fail_after = 10**9

    def write(self, work: Callable[[Transaction], Any]) -> Any:
        if len(self.removed) >= self.fail_after:
            raise Unavailable("the disk is full")
        before = self.count()
        result = super().write(work)
        if gone := before - self.count():
            self.removed.append(gone)
        return result

    def count(self) -> int:
        return sum(len(journal) for journal in self._state.journals.values())

    def fill(self, number: int, count: int, start: datetime = START, **fields: Any) -> None:
        """A task with events a minute apart."""
        task = a_task(number, last_seq=count, **fields)
        events = [Event(task.id, seq, EventType.LOG, {}, start + seq * MINUTE) for seq in range(1, count + 1)]
        super().write(lambda tx: (tx.add_task(a_task(number, **fields)), tx.append(task, events)))

    def seqs(self, number: int) -> list[int]:
        return self.read(lambda tx: [event.seq for event in tx.events(task_id(number), 0, limit=10**6)])


@pytest.fixture
def store() -> Iterator[Batches]:
    made = Batches()
    yield made
    made.close()


def retention(
    store: Batches, *, now: datetime = START + DAY, naps: list[float] | None = None, **kept: Any
) -> Retention:
    return Retention(store, lambda: now, (naps if naps is not None else []).append, **kept)


def test_all_history_is_kept_by_default(store: Batches) -> None:
    store.fill(1, 10)
    assert 0 == retention(store, now=START + 36500 * DAY).sweep()
    assert 10 == store.count()


def test_events_that_are_too_old_go_of_running_and_of_ended_tasks(store: Batches) -> None:
    store.fill(1, 10, status=Status.RUNNING)
    store.fill(2, 10, status=Status.COMPLETED)
    store.fill(3, 10, start=START + MINUTE)
    now = START + DAY + timedelta(minutes=5, seconds=30)
    assert 14 == retention(store, now=now, days=1).sweep()
    assert [[6, 7, 8, 9, 10], [6, 7, 8, 9, 10], [5, 6, 7, 8, 9, 10]] == [store.seqs(n) for n in (1, 2, 3)]


def test_of_each_task_only_so_many_of_the_latest_events_stay(store: Batches) -> None:
    store.fill(1, 10)
    store.fill(2, 4)
    assert 6 == retention(store, events=4).sweep()
    assert ([7, 8, 9, 10], [1, 2, 3, 4]) == (store.seqs(1), store.seqs(2))


def test_both_rules_hold_together(store: Batches) -> None:
    store.fill(1, 10)
    store.fill(2, 10, start=START + DAY)
    now = START + DAY + timedelta(minutes=8, seconds=30)
    retention(store, now=now, days=1, events=4).sweep()
    assert ([9, 10], [7, 8, 9, 10]) == (store.seqs(1), store.seqs(2))


@pytest.mark.parametrize("kept", [{"days": 1}, {"events": 10}])
def test_it_goes_in_small_batches_with_a_rest_after_each(store: Batches, kept: dict[str, Any]) -> None:
    store.fill(1, 2 * BATCH + 20)
    naps: list[float] = []
    retention(store, now=START + 9 * DAY, naps=naps, **kept).sweep()
    assert max(store.removed) <= BATCH
    assert len(naps) == len(store.removed) == 3
    assert min(naps) >= REST_SECONDS


def test_more_tasks_than_one_page_are_gone_through(store: Batches) -> None:
    for number in range(450):
        store.fill(number, 2, created_at=START + timedelta(seconds=number // 7))
    assert 450 == retention(store, events=1).sweep()


def test_an_outage_is_told_and_the_next_sweep_goes_on(store: Batches) -> None:
    store.fill(1, 3 * BATCH)
    store.fail_after = 1
    rule = retention(store, events=1)
    with pytest.raises(Unavailable):
        rule.sweep()
    assert 2 * BATCH == store.count()
    store.fail_after = 10**9
    assert 2 * BATCH - 1 == rule.sweep()


def test_a_task_that_is_deleted_meanwhile_does_no_harm(store: Batches) -> None:
    store.fill(1, BATCH + 2)
    store.fill(2, 3)

    def delete(seconds: float) -> None:
        store.write(lambda tx: tx.delete_task(task_id(1)))

    Retention(store, lambda: START, delete, events=1).sweep()
    assert ([], [3]) == (store.seqs(1), store.seqs(2))


def test_what_a_device_called_a_task_is_forgotten_some_time_after_its_end(store: Batches) -> None:
    ends = {1: START - NAME_AGE - MINUTE, 2: START - NAME_AGE + MINUTE, 3: None}
    for number, at in ends.items():
        store.fill(number, 1, completed_at=at)
        entry = DeviceTask("local", "phone", number, task_id(number), "x", 0)
        store.write(lambda tx, entry=entry: tx.save_device_task(entry, START - 2 * NAME_AGE))
    retention(store, now=START).sweep()
    assert {task_id(2), task_id(3)} == set(store.read(lambda tx: tx.device_tasks([*map(task_id, ends)])))


def remember(store: Batches, **ages: timedelta) -> None:
    """Keys of these names, so old at START."""
    store.fill(1, 1)
    request = IdempotentRequest("hash", task_id(1))
    for name, age in ages.items():
        store.write(lambda tx, name=name, age=age: tx.remember("ada", name, request, START - age))


def known(store: Batches, *names: str) -> list[bool]:
    return [store.read(lambda tx, name=name: tx.idempotent("ada", name)) is not None for name in names]


@pytest.mark.parametrize("kept", [{}, {"days": 0.1}, {"days": 365}, {"events": 1}])
def test_idempotency_keys_are_forgotten_by_their_age_whatever_is_kept_of_the_history(
    store: Batches, kept: dict[str, Any]
) -> None:
    remember(store, old=KEY_AGE + MINUTE, young=KEY_AGE - MINUTE)
    retention(store, now=START, **kept).sweep()
    assert [False, True] == known(store, "old", "young")


def test_many_old_idempotency_keys_go_in_small_batches_with_a_rest_after_each(store: Batches) -> None:
    names = [f"key {n}" for n in range(2 * BATCH + 1)]
    remember(store, **dict.fromkeys(names, KEY_AGE + MINUTE))
    left: list[int] = []

    def look(seconds: float) -> None:
        assert seconds >= REST_SECONDS
        left.append(sum(known(store, *names)))

    Retention(store, lambda: START, look).sweep()
    assert [BATCH + 1, 1] == left
    assert not any(known(store, *names))
