"""Schedules, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.schedule import MissedRuns, Overlap, Schedule, Timing
from api.errors import InvalidInput
from api.ports import Store
from tests.support.stores import START, task_id

SECOND = timedelta(seconds=1)


def a_schedule(number: int = 1, **changes) -> Schedule:
    at = START + number * SECOND
    fields = {
        "id": task_id(number),
        "owner": "local",
        "created_at": at,
        "task": {"type": "x", "params": {"é": 1}},
        "timing": Timing("0 0 * * *", None, "Europe/Berlin", at),
        "next_run_at": at,
    }
    return Schedule(**fields | changes)


def add(store: Store, *schedules: Schedule) -> None:
    store.write(lambda tx: [tx.add_schedule(each) for each in schedules])


def test_it_comes_back_as_it_was(store: Store) -> None:
    plain = a_schedule(1, next_run_at=None, paused=True)
    full = a_schedule(
        2,
        timing=Timing(None, 60, "UTC", START),
        name="n",
        missed_runs=MissedRuns.ALL,
        overlap=Overlap.ALLOW,
        last_run_at=START,
        last_task_id="t",
        skipped_runs=3,
        last_error="e",
        revision=4,
    )
    add(store, plain, full)
    assert [plain, full, None] == store.read(lambda tx: [tx.schedule(id_) for id_ in (plain.id, full.id, "none")])


def test_a_change_is_the_next_revision_or_none(store: Store) -> None:
    """How one process claims a run, and the others see that they come too late."""
    add(store, a_schedule())
    first, second = (replace(a_schedule(), name=name, revision=1) for name in ("first", "second"))
    assert [True, False] == [store.write(lambda tx, s=each: tx.save_schedule(s)) for each in (first, second)]
    assert first == store.read(lambda tx: tx.schedule(first.id))
    store.write(lambda tx: tx.delete_schedule(first.id))
    assert store.write(lambda tx: tx.save_schedule(replace(first, revision=2))) is False


def test_what_is_due_comes_in_the_order_of_its_time(store: Store) -> None:
    assert store.read(lambda tx: tx.next_schedule_at()) is None
    add(store, a_schedule(3), a_schedule(1), a_schedule(2, next_run_at=None), a_schedule(9))
    due = store.read(lambda tx: tx.due_schedules(START + 3 * SECOND, limit=9))
    assert [task_id(1), task_id(3)] == [each.id for each in due]
    assert 1 == len(store.read(lambda tx: tx.due_schedules(START + 3 * SECOND, limit=1)))
    assert START + SECOND == store.read(lambda tx: tx.next_schedule_at())


def test_pages_are_newest_first_and_only_of_who_may_see_them(store: Store) -> None:
    add(store, *(a_schedule(number, owner="ann" if number % 2 else "bob") for number in range(1, 8)))

    def numbers(**where):
        page = store.read(lambda tx: tx.schedules(**where))
        return [int(each.id[-3:]) for each in page.schedules], page.total, page.next_cursor

    first, total, cursor = numbers(visible_to=None, limit=4)
    assert ([7, 6, 5, 4], 7) == (first, total)
    assert ([3, 2, 1], 7, None) == numbers(visible_to=None, limit=4, cursor=cursor)
    first, total, cursor = numbers(visible_to="ann", limit=3)
    assert ([7, 5, 3], 4) == (first, total)
    assert ([1], 4, None) == numbers(visible_to="ann", limit=3, cursor=cursor)
    with pytest.raises(InvalidInput):
        numbers(visible_to=None, limit=4, cursor="nonsense")
