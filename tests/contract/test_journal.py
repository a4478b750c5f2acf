"""What every store does with the events of a task: append them without a hole, and read them back."""

from __future__ import annotations

from json import loads

import pytest

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.errors import Conflict
from api.ports import Store, Transaction
from tests.contract.tasks import add, ids
from tests.support.stores import START, a_task, say, task_id


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
