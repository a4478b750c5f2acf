"""Reading what is left of a history, and saying what is not."""

from __future__ import annotations

import json

import pytest

from api.domain.event import EventType
from api.domain.permission import LOCAL
from api.domain.task import Task
from api.services.query import EPOCH_SECONDS, History, Queries
from api.store.memory import MemoryStore
from tests.support.stores import START, a_task, say, task_id

ONE = task_id(1)
PROGRESS = {"attempt": 1, "current_iteration": 1, "max_iterations": 2, "progress_percent": 50.0}


@pytest.fixture
def store() -> MemoryStore:
    """A task with nine events: it runs, says six lines with a progress among them, and has ended."""
    made = MemoryStore()
    made.write(lambda tx: tx.add_task(a_task()))
    made.write(lambda tx: say(tx, ONE, EventType.STATUS_CHANGE, {"status": "running"}))
    for number in range(7):
        kind, data = (EventType.PROGRESS, PROGRESS) if number == 3 else (EventType.LOG, {"message": str(number)})
        made.write(lambda tx, kind=kind, data=data: say(tx, ONE, kind, data))
    made.write(lambda tx: say(tx, ONE, EventType.STATUS_CHANGE, {"status": "completed", "result": {}}))
    return made


@pytest.mark.parametrize(
    ("since", "epoch", "expected"),
    [
        (5, None, True),
        (5, "now", True),
        (9, "now", True),
        (4, "now", False),
        (0, None, False),
        (10, "now", False),
        (5, "another", False),
        (5, "", False),
    ],
)
def test_history_holds_what_comes_after_a_place_that_is_in_it(since: int, epoch: str | None, expected: bool) -> None:
    task = Task(id=ONE, type="x", owner="local", created_at=START, trimmed_seq=5, last_seq=9)
    assert expected is History(task, (), "now").holds(since, epoch)


def test_the_present_of_a_task_is_known_when_all_its_history_was_trimmed(store: MemoryStore) -> None:
    store.write(lambda tx: tx.trim(ONE, 9))
    present = Queries(store, lambda: START).present(LOCAL, ONE)
    assert [(5, "progress"), (9, "status_change")] == [(event.seq, str(event.type)) for event in present.events]
    assert [False, True] == [present.holds(8, None), present.holds(9, present.epoch)]


@pytest.mark.parametrize(
    ("since", "most", "expected"),
    [(7, 2, ([], [8, 9])), (7, 1, ([], [])), (9, 9, ([], [])), (4, 99, ([5, 9], [])), (10, 99, ([5, 9], []))],
)
def test_a_history_goes_on_from_a_place_that_it_holds(
    store: MemoryStore, since: int, most: int, expected: tuple[list[int], list[int]]
) -> None:
    """With the rest where that is short, and with the present where there is something missing."""
    store.write(lambda tx: tx.trim(ONE, 6))
    history = Queries(store, lambda: START).since(LOCAL, ONE, since, None, most=most)
    assert expected == ([event.seq for event in history.events], [event.seq for event in history.rest])
    assert (since in (7, 9)) == history.holds(since, None)


@pytest.mark.parametrize(("after", "expected"), [(0, [7, 8, 9]), (4, [7, 8, 9]), (6, [7, 8, 9]), (8, [9]), (9, [])])
def test_events_begin_where_history_is_whole(store: MemoryStore, after: int, expected: list[int]) -> None:
    """Without the progress of number 5, which stays stored, but after which something is missing."""
    store.write(lambda tx: tx.trim(ONE, 6))
    page = Queries(store, lambda: START).events(LOCAL, ONE, after=after, limit=99)
    assert (7, expected) == (page.task.first_seq, [json.loads(text)["seq"] for text in page.envelopes])


def test_the_epoch_is_read_once_for_a_crowd_and_anew_soon(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("api.services.query.time.monotonic", lambda: now[0])
    reads: list[int] = []
    read = store.read
    monkeypatch.setattr(store, "read", lambda work: reads.append(1) or read(work))
    queries = Queries(store, lambda: START)
    assert queries.epoch() == queries.epoch() == store.read(lambda tx: tx.epoch())
    assert 2 == len(reads)
    now[0] += EPOCH_SECONDS
    queries.epoch()
    assert 3 == len(reads)
