"""The task as a value."""

from __future__ import annotations

import pytest

from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import applied, begun
from tests.support.stores import START, a_task


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING])
def test_the_short_way_through_the_first_event_leads_where_the_long_one_does(status):
    task = a_task(status=status)
    event = Event(task.id, 1, EventType.STATUS_CHANGE, {"status": str(status), "message": "m", "attempt": 0}, START)
    assert applied(task, event) == begun(task, event)
