"""What every store does with tasks: keep them as they are, and say which of them comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from api.domain.lifecycle import Status
from api.domain.task import Task
from api.errors import Conflict, NotFound
from api.ports import IdempotentRequest, Store, Transaction
from tests.contract.tasks import add, found, ids, page
from tests.support.stores import START, a_task, say, task_id

FULL = Task(
    id=task_id(7),
    type="optimization",
    owner="ada",
    created_at=datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    params={"bom_file": "sat.json", "nested": {"list": [1, 2.5, None, True, "Kühlkörper ☃"]}},
    name='50% of_it \\ "quoted"',
    tags=("zeta", "alpha"),
    priority=-3,
    status=Status.PAUSED,
    progress_percent=12.5,
    current_iteration=3,
    max_iterations=24,
    message="half-way",
    metrics={"max_temp": 61.25, "min_clearance": None},
    eta_seconds=3.75,
    attempt=2,
    max_attempts=5,
    timeout_seconds=60.5,
    retry_of=task_id(1),
    pending_command="resume",
    worker="host:1",
    lease_id="lease",
    started_at=datetime(2027, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    completed_at=datetime(2027, 1, 1, 0, 0, 1, 0, tzinfo=UTC),
    result={"experiment_dir": "runs/7"},
    error="no",
    artifact_dir="runs/7",
    last_seq=0,
    size="0123456789abcdef",
    worked_seconds=4.5,
    working_since=datetime(2027, 1, 1, 0, 0, 0, 2, tzinfo=UTC),
)


class TestTasks:
    def test_every_field_of_a_task_comes_back_as_it_was(self, store: Store) -> None:
        """Times with their microseconds, JSON, order of tags, unicode."""
        add(store, FULL)
        assert store.read(lambda tx: tx.task(FULL.id)) == FULL

    def test_the_defaults_of_a_task_come_back_as_they_were(self, store: Store) -> None:
        add(store, a_task())
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task()

    def test_a_time_of_another_zone_comes_back_as_the_same_moment_in_utc(self, store: Store) -> None:
        elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
        add(store, a_task(created_at=elsewhere))
        task = store.read(lambda tx: tx.task(task_id(1)))
        assert task is not None
        assert task.created_at == START

    def test_a_task_that_does_not_exist_is_none(self, store: Store) -> None:
        assert store.read(lambda tx: tx.task(task_id(1))) is None

    def test_a_second_task_with_the_same_id_is_a_conflict(self, store: Store) -> None:
        add(store, a_task())
        with pytest.raises(Conflict):
            add(store, a_task(name="other"))

    def test_save_writes_every_field(self, store: Store) -> None:
        add(store, replace(a_task(), id=FULL.id))
        store.write(lambda tx: tx.save_task(FULL))
        assert store.read(lambda tx: tx.task(FULL.id)) == FULL

    def test_saving_a_task_that_does_not_exist_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.write(lambda tx: tx.save_task(a_task()))

    def test_delete_takes_the_events_the_tags_and_the_idempotency_keys_with_it(self, store: Store) -> None:
        add(store, a_task(tags=("x",)))
        store.write(lambda tx: say(tx, task_id(1)))
        store.write(lambda tx: tx.remember("local", "key", IdempotentRequest("hash", task_id(1)), START))
        store.write(lambda tx: tx.delete_task(task_id(1)))

        def left(tx: Transaction) -> list[object]:
            events = tx.events(task_id(1), 0, limit=9)
            return [tx.task(task_id(1)), events, tx.idempotent("local", "key"), tx.last_seqs(ids(1))]

        assert store.read(left) == [None, [], None, {}]
        assert found(store, tag="x") == []

    def test_infinity_and_nan_are_refused_and_nothing_is_stored(self, store: Store) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            add(store, a_task(1), a_task(2, params={"x": float("nan")}))
        assert page(store).total == 0

    def test_half_a_surrogate_pair_comes_back_as_it_was(self, store: Store) -> None:
        """JSON allows it; UTF-8, which databases speak, does not."""
        add(store, a_task(params={"x": "é \ud800"}))
        task = store.read(lambda tx: tx.task(task_id(1)))
        assert task is not None
        assert task.params == {"x": "é \ud800"}

    def test_what_is_read_is_not_shared_with_who_wrote_it(self, store: Store) -> None:
        params = {"list": [1]}
        add(store, a_task(params=params))
        params["list"].append(2)
        task = store.read(lambda tx: tx.task(task_id(1)))
        assert task is not None
        assert task.params == {"list": [1]}


NOW = START + timedelta(days=1)
LATER = NOW + timedelta(hours=1)


def served(store: Store, at: datetime = NOW, **without: Sequence[str]) -> list[str]:
    """The ids of who is due, in the order in which they are served."""
    order = []
    while (task := store.read(lambda tx: tx.next_pending(at, **without))) is not None:
        order.append(task.id)
        store.write(lambda tx, task=task: tx.save_task(replace(task, status=Status.RUNNING)))
    return order


class TestQueue:
    def test_the_most_urgent_comes_next_then_the_oldest_then_the_id(self, store: Store) -> None:
        twin = a_task(6, created_at=a_task(2).created_at)
        add(store, a_task(1), a_task(2, priority=5), twin, a_task(3, priority=5), a_task(4, status=Status.RUNNING))
        assert served(store) == ids(2, 3, 1, 6)

    def test_who_has_waited_long_comes_before_who_is_more_urgent(self, store: Store) -> None:
        """A step of priority is a minute: the second is 5 minutes younger than the first, the third 7."""
        ages = {1: 10, 2: 5, 3: 3}
        old, medium, young = (a_task(n, created_at=NOW - timedelta(minutes=age)) for n, age in ages.items())
        add(store, old, replace(medium, priority=4), replace(young, priority=8))
        assert served(store) == ids(3, 1, 2)

    def test_who_waits_for_its_time_or_for_others_is_passed_over(self, store: Store) -> None:
        add(
            store,
            a_task(1, due_at=LATER, priority=9),
            a_task(2, due_at=NOW),
            a_task(3, waiting_on=(task_id(1),), depends_on=(task_id(1),), due_at=NOW),
            a_task(4, due_at=LATER + timedelta(hours=1)),
            a_task(5, status=Status.RUNNING, due_at=NOW + timedelta(minutes=1)),
        )
        assert LATER == store.read(lambda tx: tx.next_due(NOW))
        assert served(store) == ids(2)
        assert served(store, LATER) == ids(1)
        assert LATER + timedelta(hours=1) == store.read(lambda tx: tx.next_due(LATER))
        assert store.read(lambda tx: tx.next_due(LATER + timedelta(hours=1))) is None

    def test_types_and_owners_at_their_limit_do_not_block_others(self, store: Store) -> None:
        add(store, a_task(1, type="x"), a_task(2, type="y"), a_task(3, type="z", owner="ada"), a_task(4, type="z"))
        assert served(store, without_types=["x", "y"], without_owners=["ada"]) == ids(4)
        assert served(store, without_owners=["local"]) == ids(3)
        assert served(store, without_types=["y"]) == ids(1)
        assert served(store) == ids(2)

    def test_the_queue_position_counts_who_is_served_before(self, store: Store) -> None:
        tasks = [
            a_task(1),
            a_task(2, priority=5),
            a_task(3),
            a_task(4, status=Status.RUNNING),
            a_task(5, due_at=LATER, priority=9),
            a_task(6, waiting_on=(task_id(1),), priority=9),
        ]
        add(store, *tasks)
        assert store.read(lambda tx: [tx.queue_position(task, NOW) for task in tasks]) == [2, 1, 3, None, None, None]
        assert store.read(lambda tx: [tx.queue_position(task, LATER) for task in tasks]) == [3, 2, 4, None, 1, None]

    def test_tasks_in_some_states_are_counted_and_listed_oldest_first(self, store: Store) -> None:
        states = [Status.RUNNING, Status.PENDING, Status.PAUSED, Status.RUNNING, Status.COMPLETED]
        add(store, *(a_task(n, status=status) for n, status in enumerate(states)))
        active = store.read(lambda tx: tx.with_status([Status.PAUSED, Status.RUNNING]))
        assert [task.id for task in active] == ids(0, 2, 3)
        assert store.read(lambda tx: [tx.count(Status.RUNNING), tx.count(Status.FAILED)]) == [2, 0]
        assert store.read(lambda tx: tx.with_status([])) == []
