"""Order is that of seq, whatever the clock says: it goes back an hour, or stands still."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.access.principals import LOCAL
from api.domain.event import Draft, EventType, rfc3339
from api.ports import Store
from api.services.publish import Publisher
from api.services.query import Queries
from tests.support.stores import START, a_task, task_id

ONE = task_id(1)
HOUR = timedelta(hours=1)
BACK_AN_HOUR = [START, START + HOUR, START, START + timedelta(minutes=1), START - HOUR]
STANDING_STILL = [START] * 5


class NoBus:
    def ring(self, bell: object) -> None: ...

    def listen(self, listener: object) -> None: ...


@pytest.fixture(params=[BACK_AN_HOUR, STANDING_STILL], ids=["back an hour", "one microsecond"])
def times(request: pytest.FixtureRequest) -> list[datetime]:
    found: list[datetime] = request.param
    return found


@pytest.fixture
def queries(store: Store, times: list[datetime]) -> Queries:
    """Of a task that has said five things: started, three steps, and an end of the first attempt."""
    clock = iter(times)
    publisher = Publisher(store, NoBus(), lambda: next(clock))
    store.write(lambda tx: tx.add_task(a_task(owner=LOCAL.user)))
    publisher.publish(ONE, [Draft(EventType.STATUS_CHANGE, {"status": "running", "attempt": 1})])
    for step in (1, 2, 3):
        data = {"attempt": 1, "current_iteration": step, "max_iterations": 9, "progress_percent": step * 10.0}
        publisher.publish(ONE, [Draft(EventType.PROGRESS, data)])
    publisher.publish(ONE, [Draft(EventType.STATUS_CHANGE, {"status": "pending", "attempt": 1, "error": "x"})])
    return Queries(store, lambda: START)


def page(queries: Queries, after: int, limit: int) -> list[dict[str, Any]]:
    return [json.loads(text) for text in queries.events(LOCAL, ONE, after=after, limit=limit).envelopes]


def test_history_is_in_the_order_of_seq(queries: Queries, times: list[datetime]) -> None:
    told = [(event["seq"], event["timestamp"]) for event in page(queries, 0, 9)]
    assert [(seq, rfc3339(at)) for seq, at in enumerate(times, 1)] == told


def test_pages_of_history_meet(queries: Queries) -> None:
    pages = [page(queries, after, 2) for after in (0, 2, 4)]
    assert [[1, 2], [3, 4], [5]] == [[event["seq"] for event in events] for events in pages]


def test_the_present_is_what_was_said_last(queries: Queries) -> None:
    present = queries.present(LOCAL, ONE)
    assert [4, 5] == [event.seq for event in present.events]
    assert (3, 30.0) == (present.task.current_iteration, present.task.progress_percent)


def test_trimming_leaves_no_hole(store: Store, queries: Queries) -> None:
    """Whatever is old enough goes from the front only."""
    before = START + timedelta(minutes=30)
    upto = store.read(lambda tx: tx.expired(ONE, before, limit=9))
    assert upto is not None
    store.write(lambda tx: tx.trim(ONE, upto))
    assert list(range(upto + 1, 6)) == [event["seq"] for event in page(queries, 0, 9)]
