"""What every store does: the same tests on the one in memory and on the one in SQLite."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from json import loads
from typing import Any

import pytest

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.errors import Conflict, InvalidInput, NotFound, Unavailable
from api.ports import IdempotentRequest, Store, TaskFilter, TaskPage, Transaction
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
)


def add(store: Store, *tasks: Task) -> None:
    store.write(lambda tx: [tx.add_task(task) for task in tasks])


def page(store: Store, limit: int = 50, cursor: str | None = None, **where: Any) -> TaskPage:
    return store.read(lambda tx: tx.tasks(TaskFilter(**where), limit=limit, cursor=cursor))


def found(store: Store, **where: Any) -> list[str]:
    return [task.id for task in page(store, **where).tasks]


def ids(*numbers: int) -> list[str]:
    return [task_id(number) for number in numbers]


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


class TestListing:
    def test_the_newest_comes_first_and_the_id_decides_between_twins(self, store: Store) -> None:
        add(store, a_task(1), a_task(3), a_task(2), a_task(4, created_at=a_task(3).created_at))
        assert found(store) == ids(4, 3, 2, 1)

    def test_pages_follow_one_another_without_gap_or_duplicate(self, store: Store) -> None:
        add(store, *(a_task(n, created_at=START + timedelta(seconds=n // 3)) for n in range(10)))
        seen, cursor, pages = [], None, 0
        while pages == 0 or cursor:
            got = page(store, limit=3, cursor=cursor)
            seen += [task.id for task in got.tasks]
            assert got.total == 10
            cursor, pages = got.next_cursor, pages + 1
        assert seen == ids(*reversed(range(10)))
        assert pages == 4

    def test_the_last_page_has_no_cursor_even_when_it_is_full(self, store: Store) -> None:
        add(store, a_task(1), a_task(2))
        assert page(store, limit=2).next_cursor is None

    def test_tasks_that_come_meanwhile_do_not_shift_the_pages(self, store: Store) -> None:
        add(store, a_task(1), a_task(2), a_task(3))
        first = page(store, limit=2)
        add(store, a_task(4))
        assert [task.id for task in page(store, limit=2, cursor=first.next_cursor).tasks] == ids(1)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "!!!!", "AAAA", "bm86eA", "é", "MTph=", "MTph\n", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ"]
    )
    def test_a_cursor_that_is_none_is_invalid_input(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            page(store, cursor=cursor)
        assert [flaw.loc for flaw in caught.value.flaws] == [("cursor",)]

    def test_each_filter_narrows_the_list_and_the_total(self, store: Store) -> None:
        add(
            store,
            a_task(1, status=Status.RUNNING, tags=("night", "gpu")),
            a_task(2, owner="ada", tags=("night",)),
            a_task(3, type="optimization"),
        )
        assert found(store, status=Status.RUNNING) == ids(1)
        assert found(store, type="optimization") == ids(3)
        assert found(store, owner="ada") == ids(2)
        assert found(store, tag="night") == ids(2, 1)
        assert found(store, visible_to="ada") == ids(2)
        assert found(store, owner="local", visible_to="ada") == []
        assert found(store, tag="night", status=Status.RUNNING, type="training", owner="local") == ids(1)
        assert page(store, limit=1, tag="night").total == 2

    def test_tags_are_found_as_they_stand_after_a_change(self, store: Store) -> None:
        add(store, a_task(tags=("old", "kept")))
        store.write(lambda tx: tx.save_task(a_task(tags=("kept", "new"))))
        assert [found(store, tag=tag) for tag in ("old", "kept", "new")] == [[], ids(1), ids(1)]

    def test_text_is_sought_in_name_params_and_the_beginning_of_the_id(self, store: Store) -> None:
        add(
            store,
            a_task(1, name="Nightly Run"),
            a_task(2, params={"bom_file": "Satellite.json"}),
            a_task(3, id="abcdef00-0000-4000-8000-000000000003"),
        )
        assert found(store, text="nightly") == ids(1)
        assert found(store, text="satellite") == ids(2)
        assert found(store, text="ABCDEF") == ["abcdef00-0000-4000-8000-000000000003"]
        assert found(store, text="bcdef") == []
        assert page(store, text="absent") == TaskPage((), 0, None)

    def test_wildcards_and_quotes_in_the_text_mean_themselves(self, store: Store) -> None:
        names = ["100% sure", "100 sure", "a_b", "axb", "back\\slash", 'say "hi"', "Größe"]
        add(store, *(a_task(n, name=name, params={"note": name}) for n, name in enumerate(names)))
        for number in (0, 2, 4, 5, 6):
            assert found(store, text=names[number]) == ids(number)
        assert found(store, text="%") == ids(0)
        assert found(store, text="_") == ids(2)

    def test_params_are_searched_by_what_they_say_not_by_how_json_writes_it(self, store: Store) -> None:
        add(store, a_task(1, params={"note": 'say "hi" \\ Größe\n'}))
        assert [found(store, text=text) for text in ('say "hi" \\', "Größe", "\n")] == [ids(1)] * 3


class TestQueue:
    def test_the_most_urgent_comes_next_then_the_oldest_then_the_id(self, store: Store) -> None:
        twin = a_task(6, created_at=a_task(2).created_at)
        add(store, a_task(1), a_task(2, priority=5), twin, a_task(3, priority=5), a_task(4, status=Status.RUNNING))
        order = []
        while (task := store.read(lambda tx: tx.next_pending())) is not None:
            order.append(task.id)
            store.write(lambda tx, task=task: tx.save_task(replace(task, status=Status.RUNNING)))
        assert order == ids(2, 3, 1, 6)

    def test_the_queue_position_counts_who_is_served_before(self, store: Store) -> None:
        tasks = [a_task(1), a_task(2, priority=5), a_task(3), a_task(4, status=Status.RUNNING)]
        add(store, *tasks)
        assert store.read(lambda tx: [tx.queue_position(task) for task in tasks]) == [2, 1, 3, None]

    def test_tasks_in_some_states_are_counted_and_listed_oldest_first(self, store: Store) -> None:
        states = [Status.RUNNING, Status.PENDING, Status.PAUSED, Status.RUNNING, Status.COMPLETED]
        add(store, *(a_task(n, status=status) for n, status in enumerate(states)))
        active = store.read(lambda tx: tx.with_status([Status.PAUSED, Status.RUNNING]))
        assert [task.id for task in active] == ids(0, 2, 3)
        assert store.read(lambda tx: [tx.count(Status.RUNNING), tx.count(Status.FAILED)]) == [2, 0]
        assert store.read(lambda tx: tx.with_status([])) == []


class TestJournal:
    def test_events_come_back_as_they_were_and_the_task_as_they_leave_it(self, store: Store) -> None:
        add(store, a_task())
        started = {"status": "running", "message": "los", "attempt": 1}
        first = store.write(lambda tx: say(tx, task_id(1), EventType.STATUS_CHANGE, started))
        metrics = {"iteration": 1, "metrics": {"loss": 0.5, "bad": None}, "nonfinite": {"bad": "nan"}}
        second = store.write(lambda tx: say(tx, task_id(1), EventType.ITERATION_COMPLETE, metrics))
        assert store.read(lambda tx: tx.events(task_id(1), 0, limit=9)) == [first, second]
        task = store.read(lambda tx: tx.task(task_id(1)))
        assert task is not None
        assert (task.status, task.message, task.metrics, task.last_seq, task.started_at) == (
            Status.RUNNING,
            "los",
            {"loss": 0.5, "bad": None},
            2,
            START,
        )

    def test_several_events_are_appended_at_once(self, store: Store) -> None:
        add(store, a_task())
        events = [Event(task_id(1), seq, EventType.LOG, {"n": seq}, START) for seq in (1, 2, 3)]
        store.write(lambda tx: tx.append(a_task(last_seq=3, lease_id="l", attempt=2), events))
        assert store.read(lambda tx: tx.events(task_id(1), 0, limit=9)) == events
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task(last_seq=3, lease_id="l", attempt=2)

    def test_an_append_that_does_not_continue_the_journal_is_a_conflict_and_changes_nothing(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: say(tx, task_id(1)))
        stale = Event(task_id(1), 1, EventType.LOG, {}, START)
        hole = Event(task_id(1), 3, EventType.LOG, {}, START)
        for event in (stale, hole):
            with pytest.raises(Conflict):
                store.write(lambda tx, event=event: tx.append(a_task(last_seq=event.seq, worker="w"), [event]))
        assert [event.seq for event in store.read(lambda tx: tx.events(task_id(1), 0, limit=9))] == [1]
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task(last_seq=1)

    @pytest.mark.parametrize("seqs", [(1, 3), (2, 1), (1, 1)])
    def test_events_with_a_hole_between_them_are_a_conflict(self, store: Store, seqs: tuple[int, ...]) -> None:
        add(store, a_task())
        events = [Event(task_id(1), seq, EventType.LOG, {}, START) for seq in seqs]
        with pytest.raises(Conflict):
            store.write(lambda tx: tx.append(a_task(last_seq=max(seqs)), events))
        assert store.read(lambda tx: tx.events(task_id(1), 0, limit=9)) == []

    def test_appending_to_a_task_that_does_not_exist_is_a_conflict(self, store: Store) -> None:
        with pytest.raises(Conflict):
            store.write(lambda tx: tx.append(a_task(last_seq=1), [Event(task_id(1), 1, EventType.LOG, {}, START)]))

    def test_an_append_leaves_alone_what_people_edit(self, store: Store) -> None:
        add(store, a_task(name="mine", tags=("a",), priority=3))
        event = Event(task_id(1), 1, EventType.LOG, {}, START)
        store.write(lambda tx: tx.append(a_task(name="other", tags=("b",), priority=9, last_seq=1), [event]))
        assert store.read(lambda tx: tx.task(task_id(1))) == a_task(name="mine", tags=("a",), priority=3, last_seq=1)

    def test_reading_starts_after_a_seq_and_ends_at_the_limit(self, store: Store) -> None:
        add(store, a_task())
        for _ in range(5):
            store.write(lambda tx: say(tx, task_id(1)))
        seqs = store.read(lambda tx: [event.seq for event in tx.events(task_id(1), 2, limit=2)])
        assert seqs == [3, 4]
        assert store.read(lambda tx: tx.events(task_id(1), 5, limit=2)) == []

    def test_events_can_be_had_as_the_text_of_their_envelopes(self, store: Store) -> None:
        """The very same, key by key, whatever the data holds."""
        add(store, a_task())
        store.write(lambda tx: self._mixed(tx))
        odd = {"message": 'é ☃ \u2028 "\\" \ud800', "nested": {"a": [1, 2.5, None, True]}}
        store.write(lambda tx: say(tx, task_id(1), EventType.LOG, odd))
        for where in ({"limit": 9}, {"limit": 2}, {"limit": 9, "types": [EventType.LOG]}, {"limit": 9, "types": []}):
            texts = store.read(lambda tx, where=where: tx.envelopes(task_id(1), 1, **where))
            events = store.read(lambda tx, where=where: tx.events(task_id(1), 1, **where))
            assert [list(event.envelope().items()) for event in events] == [list(loads(text).items()) for text in texts]

    def test_reading_can_keep_to_some_types(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: self._mixed(tx))
        some = (EventType.STATUS_CHANGE, EventType.LOG)
        assert store.read(lambda tx: [e.seq for e in tx.events(task_id(1), 0, limit=3, types=some)]) == [1, 2, 4]
        assert store.read(lambda tx: tx.events(task_id(1), 0, limit=9, types=[])) == []

    def test_the_latest_event_of_some_types_is_found(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: self._mixed(tx))

        def latest(upto: int, *types: EventType) -> int | None:
            event = store.read(lambda tx: tx.latest_event(task_id(1), types, upto=upto))
            return event and event.seq

        assert latest(9, EventType.PROGRESS) == 5
        assert latest(4, EventType.PROGRESS) == 3
        assert latest(9, EventType.STATUS_CHANGE, EventType.LOG) == 4
        assert latest(9, EventType.ERROR) is None
        assert latest(0, EventType.LOG) is None

    def _mixed(self, tx: Transaction) -> None:
        progress = {"attempt": 1, "current_iteration": 1, "max_iterations": 2, "progress_percent": 50.0}
        say(tx, task_id(1), EventType.STATUS_CHANGE, {"status": "running"})
        say(tx, task_id(1))
        say(tx, task_id(1), EventType.PROGRESS, progress)
        say(tx, task_id(1))
        say(tx, task_id(1), EventType.PROGRESS, progress)

    def test_last_seqs_names_those_that_exist(self, store: Store) -> None:
        """Also of more tasks than one query asks for."""
        add(store, *(a_task(n) for n in range(150)))
        store.write(lambda tx: say(tx, task_id(149)))
        wanted = ids(*range(149), 149, 777)
        got = store.read(lambda tx: tx.last_seqs(wanted))
        assert got == {**dict.fromkeys(ids(*range(149)), 0), task_id(149): 1}
        assert store.read(lambda tx: tx.last_seqs([])) == {}

    def test_the_epoch_stays_the_same(self, store: Store) -> None:
        epochs = {store.read(lambda tx: tx.epoch()), store.write(lambda tx: tx.epoch())}
        assert len(epochs) == 1
        assert len(epochs.pop()) >= 16

    def test_a_touch_is_a_write_that_changes_nothing(self, store: Store) -> None:
        before = store.read(lambda tx: (tx.epoch(), tx.last_seqs(ids(1))))
        store.write(lambda tx: tx.touch())
        store.write(lambda tx: tx.touch())
        assert before == store.read(lambda tx: (tx.epoch(), tx.last_seqs(ids(1))))
        with pytest.raises(RuntimeError):
            store.read(lambda tx: tx.touch())


class TestIdempotencyKeys:
    REQUEST = IdempotentRequest("hash", task_id(1))

    def test_a_key_is_remembered_for_its_owner(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))
        assert store.read(lambda tx: tx.idempotent("ada", "key")) == self.REQUEST
        assert store.read(lambda tx: tx.idempotent("bob", "key")) is None

    def test_remembering_a_key_twice_is_a_conflict(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))
        with pytest.raises(Conflict):
            store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))


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
