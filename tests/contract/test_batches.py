"""Batches, dependencies and what is left to be done, on every store."""

from __future__ import annotations

from dataclasses import replace

from api.domain.batch import Batch, Share
from api.domain.dependency import Continuation, Follow
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import applied
from api.ports import Store
from tests.contract.tasks import found, ids, page
from tests.support.stores import START, a_task, task_id

BATCH = Batch("b", "local", START, "name é", 3)


def enter(store: Store, *tasks):
    """New tasks as a service writes them: with their first event."""
    data = {"status": "pending", "message": "new", "attempt": 0}
    first = [Event(task.id, 1, EventType.STATUS_CHANGE, data, START) for task in tasks]
    written = [applied(task, event) for task, event in zip(tasks, first, strict=True)]
    store.write(lambda tx: tx.add_tasks(written, first))
    return written


def waiting(number, *parents, **changes):
    on = tuple(ids(*parents))
    return a_task(number, depends_on=on, waiting_on=on, **changes)


class TestManyTasks:
    def test_they_come_back_as_they_were_with_their_event_and_tags(self, store: Store) -> None:
        shared = {"x": [1, "é"]}
        written = enter(
            store,
            a_task(1, params=shared, tags=("a", "b"), name="n"),
            a_task(2, params=shared, run_at=START, schedule_id="s", timeout_seconds=1.5),
            waiting(3, 1, 2, batch_id="b", params={"other": None}),
        )
        assert written == [store.read(lambda tx, id_=task.id: tx.task(id_)) for task in written]
        assert ids(1) == found(store, tag="b")
        assert ids(2) == found(store, schedule_id="s")
        assert ids(3) == found(store, batch_id="b")
        events = [event for id_ in ids(1, 2, 3) for event in store.read(lambda tx, i=id_: tx.events(i, 0, limit=9))]
        assert [(id_, "pending") for id_ in ids(1, 2, 3)] == [(each.task_id, each.data["status"]) for each in events]

    def test_one_that_waits_is_not_next(self, store: Store) -> None:
        enter(store, a_task(1), a_task(2), waiting(3, 1, priority=9))
        assert task_id(1) == store.read(lambda tx: tx.next_pending(START).id)


class TestDependencies:
    def test_the_dependants_of_a_task_are_those_that_wait_for_any(self, store: Store) -> None:
        enter(store, a_task(1), a_task(2), waiting(3, 1, 2), waiting(4, 1), a_task(5, depends_on=(task_id(1),)))
        assert ids(3, 4) == store.read(lambda tx: tx.dependants(task_id(1), limit=9))
        assert ids(3) == store.read(lambda tx: tx.dependants(task_id(1), limit=1))
        assert ids(4) == store.read(lambda tx: tx.dependants(task_id(1), after=task_id(3), limit=9))
        store.write(lambda tx: tx.drop_dependencies(task_id(3)))
        assert [ids(4), []] == store.read(lambda tx: [tx.dependants(each, limit=9) for each in ids(1, 2)])
        store.write(lambda tx: tx.depend(tx.task(task_id(4)), task_id(2)))
        assert ids(4) == store.read(lambda tx: tx.dependants(task_id(2), limit=9))


class TestContinuations:
    def test_they_are_found_by_kind_in_their_order_and_go_on_where_they_were(self, store: Store) -> None:
        for kind, subject in ((Follow.SETTLE, "a"), (Follow.RESOLVE, "b"), (Follow.REPLACE, "c")):
            store.write(lambda tx, k=kind, s=subject: tx.defer(Continuation(k, s, "other")))
        kinds = (Follow.SETTLE, Follow.REPLACE)
        first, second = store.read(lambda tx: tx.continuations(kinds, limit=9))
        assert ("a", "other", "", "c") == (first.subject, first.other, first.after, second.subject)
        store.write(lambda tx: tx.advance(first, "x"))
        assert [replace(first, after="x")] == store.read(lambda tx: tx.continuations(kinds, limit=1))
        store.write(lambda tx: tx.done(first))
        assert [second] == store.read(lambda tx: tx.continuations(kinds, limit=1))
        assert 2 == len(store.read(lambda tx: tx.continuations(tuple(Follow), limit=9)))


class TestBatches:
    def test_a_batch_counts_its_tasks_by_status(self, store: Store) -> None:
        store.write(lambda tx: tx.add_batch(BATCH))
        enter(
            store,
            a_task(2, batch_id="b", status=Status.PENDING),
            a_task(1, batch_id="b", progress_percent=12.5),
            a_task(3),
        )
        state = store.read(lambda tx: tx.batch("b"))
        assert (BATCH, {Status.PENDING: Share(2, 12.5)}) == (state.batch, state.shares)
        assert ids(1, 2) == store.read(lambda tx: tx.batch_task_ids("b"))
        assert ids(2) == [task.id for task in store.read(lambda tx: tx.batch_tasks("b", after=task_id(1), limit=9))]
        assert store.read(lambda tx: tx.batch("c")) is None

    def test_it_goes_with_its_last_task(self, store: Store) -> None:
        store.write(lambda tx: tx.add_batch(BATCH))
        enter(store, a_task(1, batch_id="b"), a_task(2, batch_id="b"))
        for number, left in ((1, True), (2, False)):
            store.write(lambda tx, n=number: tx.delete_task(task_id(n)))
            assert left is (store.read(lambda tx: tx.batch("b")) is not None)
        assert 0 == page(store).total
