"""Every query that grows with the journal finds its rows by an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from api.domain.lifecycle import Status
from api.ports import TaskFilter
from api.store import devices, events, listing, requests, tasks, trimming
from api.store.engine import Connection, Database
from api.store.migrate import migrate
from api.store.statement import Statement


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    migrate(url)
    with closing(Database(url).connect(busy_timeout=1)) as opened:
        yield opened


def plan(connection: Connection, statement: Statement) -> str:
    """What SQLite says that it would do."""
    compiled = statement.on(Database("sqlite:////x.db").dialect)
    raw = connection._raw.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", [1] * len(compiled.names))
    return "; ".join(row[3] for row in raw)


@pytest.mark.parametrize("further", [False, True])
@pytest.mark.parametrize(
    ("where", "index"),
    [
        (TaskFilter(), "ix_tasks_created"),
        (TaskFilter(status=Status.RUNNING), "ix_tasks_status"),
        (TaskFilter(owner="ada"), "ix_tasks_owner"),
        (TaskFilter(visible_to="ada"), "ix_tasks_owner"),
        (TaskFilter(type="training"), "ix_tasks_type"),
    ],
)
def test_a_page_is_read_in_the_order_of_an_index(
    connection: Connection, where: TaskFilter, index: str, further: bool
) -> None:
    shape = frozenset(listing.values_of(where))
    steps = plan(connection, listing.page(shape, further=further))
    assert index in steps
    assert "TEMP B-TREE" not in steps


@pytest.mark.parametrize("where", [TaskFilter(), TaskFilter(status=Status.RUNNING), TaskFilter(owner="ada")])
def test_a_total_is_counted_in_an_index_alone(connection: Connection, where: TaskFilter) -> None:
    assert "COVERING INDEX" in plan(connection, listing.total(frozenset(listing.values_of(where))))


def test_the_queue_is_read_from_its_own_index(connection: Connection) -> None:
    assert plan(connection, tasks.next_pending(0, 0)) == "SEARCH tasks USING INDEX ix_tasks_queue (status=?)"
    assert plan(connection, tasks.next_pending(2, 1)) == "SEARCH tasks USING INDEX ix_tasks_queue (status=?)"
    assert "USING COVERING INDEX ix_tasks_queue" in plan(connection, tasks.AHEAD)
    assert "USING COVERING INDEX ix_tasks_queue" in plan(connection, tasks.NEXT_DUE)


def test_what_an_estimate_goes_by_is_read_from_an_index(connection: Connection) -> None:
    """The earlier runs of a type in one stretch without a look at the tasks; who waits from the queue, in its order;
    who runs by the status."""
    assert plan(connection, tasks.RUNS) == "SEARCH tasks USING COVERING INDEX ix_tasks_course (type=? AND status=?)"
    assert plan(connection, tasks.WAITING) == "SEARCH tasks USING INDEX ix_tasks_queue (status=?)"
    assert plan(connection, tasks.HELD).startswith("SEARCH tasks USING INDEX ix_tasks_status (status=?)")


def test_tagged_tasks_are_found_by_tag(connection: Connection) -> None:
    assert "SEARCH task_tags" in plan(connection, listing.page(frozenset({"tag"}), further=False))


def test_the_latest_event_of_a_type_is_one_look(connection: Connection) -> None:
    steps = plan(connection, events.LATEST)
    assert "SEARCH events USING PRIMARY KEY (task_id=? AND seq=?)" in steps
    assert "SEARCH events USING COVERING INDEX ix_events_type (task_id=? AND type=? AND seq<?)" in steps


def test_history_is_read_in_the_order_it_is_stored(connection: Connection) -> None:
    assert plan(connection, events.after(0)) == "SEARCH events USING PRIMARY KEY (task_id=? AND seq>?)"


@pytest.mark.parametrize("further", [False, True])
def test_old_tasks_are_looked_through_in_the_order_of_an_index(connection: Connection, further: bool) -> None:
    steps = plan(connection, trimming.longer_than(aged=True, further=further))
    assert "ix_tasks_created" in steps
    assert "TEMP B-TREE" not in steps


def test_trimming_looks_at_the_events_of_its_task_alone(connection: Connection) -> None:
    assert "SEARCH events USING PRIMARY KEY (task_id=? AND seq>?)" == plan(connection, trimming.AGES)
    assert "SEARCH events USING PRIMARY KEY (task_id=? AND seq<?)" == plan(connection, trimming.REMOVE)
    assert 3 == plan(connection, trimming.LATEST).count("COVERING INDEX ix_events_type (task_id=? AND type=?)")


def test_the_names_that_devices_have_for_tasks_are_found_by_their_indexes(connection: Connection) -> None:
    whole = "SEARCH device_tasks USING PRIMARY KEY (owner=? AND device=? AND client_id=?)"
    assert whole == plan(connection, devices.FIND)
    assert plan(connection, devices.OF_TASKS) == "SEARCH device_tasks USING INDEX ix_device_tasks_task (task_id=?)"
    steps = plan(connection, devices.FORGET)
    assert "SEARCH device_tasks USING INDEX ix_device_tasks_created (created_at<?)" in steps
    assert "SCAN" not in steps


def test_old_idempotency_keys_are_found_by_their_index(connection: Connection) -> None:
    steps = plan(connection, requests.FORGET)
    assert "SEARCH idempotency_keys USING COVERING INDEX ix_idempotency_keys_created" in steps
    assert "SCAN" not in steps.replace("SCAN CONSTANT ROW", "")
