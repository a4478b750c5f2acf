"""The one function that decides."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.domain.permission import LOCAL, Action, Principal, Role, allows
from api.domain.task import Task

MINE = Task(id="1", type="x", owner="ada", created_at=datetime(2026, 1, 1, tzinfo=UTC))
THEIRS = Task(id="2", type="x", owner="bob", created_at=datetime(2026, 1, 1, tzinfo=UTC))
READING = {Action.LIST, Action.VIEW}


@pytest.mark.parametrize("action", Action)
def test_everybody_may_do_everything_while_authentication_is_off(action):
    assert allows(LOCAL, action, THEIRS)


@pytest.mark.parametrize("action", Action)
def test_a_viewer_reads_its_own_and_does_nothing_else(action):
    viewer = Principal("ada", Role.VIEWER)
    assert allows(viewer, action, MINE) == (action in READING)
    assert not allows(viewer, action, THEIRS)


@pytest.mark.parametrize("action", Action)
def test_an_operator_does_everything_to_its_own_and_nothing_to_others(action):
    operator = Principal("ada", Role.OPERATOR)
    assert allows(operator, action, MINE)
    assert not allows(operator, action, THEIRS)
