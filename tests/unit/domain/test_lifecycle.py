"""The lifecycle table, and that nothing leads out of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.event import Event, EventType
from api.domain.event_data import draft
from api.domain.lifecycle import TERMINAL, TRANSITIONS, Command, Status, after, leads_to
from api.domain.task import Task, applied
from api.errors import Conflict

AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_terminal_state_has_no_way_out():
    assert all(TRANSITIONS[status] == {} for status in TERMINAL)


def test_every_state_is_in_the_table_and_can_be_reached():
    reached = {target for moves in TRANSITIONS.values() for target in moves.values()}
    assert set(Status) == set(TRANSITIONS)
    assert set(Status) == reached | {Status.PENDING}


@pytest.mark.parametrize("status", sorted(TERMINAL))
@pytest.mark.parametrize("command", Command)
def test_a_command_to_an_ended_task_is_refused_with_a_sentence(status, command):
    with pytest.raises(Conflict, match=f"a {status} task cannot "):
        after(status, command)


@given(st.lists(st.tuples(st.sampled_from(EventType), st.sampled_from(Status)), max_size=20))
def test_no_sequence_of_events_reaches_a_state_outside_the_table(steps):
    """Whatever is reported, in whatever order: each accepted event is one transition of the table or none."""
    task = Task(id="t", type="x", owner="o", created_at=AT)
    for kind, status in steps:
        before = task
        try:
            task = applied(task, _event(task, kind, status))
        except Conflict:
            assert task is before
            continue
        assert not before.terminal
        assert task.status is before.status or leads_to(before.status, task.status)
        assert task.last_seq == before.last_seq + 1
        assert task.terminal == (task.completed_at is not None)


def _event(task: Task, kind: EventType, status: Status) -> Event:
    if kind is EventType.STATUS_CHANGE and status is Status.FAILED:
        kind = EventType.ERROR  # the only way to fail
    data = {
        EventType.STATUS_CHANGE: {"status": str(status)},
        EventType.PROGRESS: {"current_iteration": 1, "max_iterations": 4},
        EventType.ITERATION_COMPLETE: {"iteration": 1, "metrics": {"loss": 0.5}},
        EventType.LOG: {"message": "hello"},
        EventType.ERROR: {"error": "it broke"},
    }[kind]
    complete = draft(str(kind), data, attempt=1)
    return Event(task.id, task.last_seq + 1, complete.type, complete.data, AT)
