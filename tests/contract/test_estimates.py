"""What every store tells of the course of earlier tasks, of who waits, and of who holds a worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.domain.estimate import Run
from api.domain.event import EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Pending, Store
from tests.contract.tasks import add, ids
from tests.support.stores import START, a_task, say, task_id


def completed(number: int, seconds: float | None, **fields: Any) -> Task:
    """Task `number`, completed `number` seconds after START."""
    at = START + timedelta(seconds=number)
    return a_task(number, status=Status.COMPLETED, completed_at=at, worked_seconds=seconds, **fields)


class TestRuns:
    def test_the_latest_completed_tasks_of_a_type_come_first(self, store: Store) -> None:
        add(store, completed(2, 2.5, size="b"), completed(3, 3.5), completed(1, 1.5, size="a"))
        assert store.read(lambda tx: tx.runs("training", limit=9)) == [Run("", 3.5), Run("b", 2.5), Run("a", 1.5)]
        assert store.read(lambda tx: tx.runs("training", limit=1)) == [Run("", 3.5)]

    def test_others_are_no_example(self, store: Store) -> None:
        add(store, completed(1, None), completed(2, 2.0, type="other"))
        for number, status in enumerate((each for each in Status if each is not Status.COMPLETED), 3):
            add(store, a_task(number, status=status, worked_seconds=5.0))
        assert store.read(lambda tx: tx.runs("training", limit=9)) == []

    def test_a_task_that_completes_becomes_one(self, store: Store) -> None:
        add(store, a_task(size="a"))
        for status in ("running", "completed"):
            store.write(lambda tx, status=status: say(tx, task_id(1), EventType.STATUS_CHANGE, {"status": status}))
        assert store.read(lambda tx: tx.runs("training", limit=9)) == [Run("a", 0.0)]


class TestPending:
    def test_they_come_in_the_order_of_the_queue_due_or_not(self, store: Store) -> None:
        later = START + timedelta(hours=1)
        add(
            store,
            a_task(1),
            a_task(2, priority=1, owner="ada", size="s", worked_seconds=None),
            a_task(3, due_at=later, type="x"),
            a_task(4, priority=2, depends_on=(task_id(1),), waiting_on=(task_id(1),), worked_seconds=2.5),
            a_task(5, status=Status.RUNNING),
        )
        expected = [
            Pending(task_id(4), "training", "local", "", 2.5, None, (task_id(1),)),
            Pending(task_id(2), "training", "ada", "s", None, None, ()),
            Pending(task_id(1), "training", "local", "", 0.0, None, ()),
            Pending(task_id(3), "x", "local", "", 0.0, later, ()),
        ]
        assert store.read(lambda tx: tx.pending(limit=9)) == expected
        assert store.read(lambda tx: tx.pending(limit=2)) == expected[:2]


class TestHeld:
    def test_they_are_those_with_a_worker(self, store: Store) -> None:
        add(
            store,
            a_task(3, status=Status.RUNNING, lease_id="c"),
            a_task(2, status=Status.PAUSED, lease_id="b"),
            a_task(1, status=Status.PAUSED),
            a_task(4, status=Status.RUNNING, type="external"),
            a_task(5),
        )
        assert [task.id for task in store.read(lambda tx: tx.held())] == ids(2, 3)
