"""A checkpoint is never ahead of the journal: what a crash of the server could lose is done again."""

from __future__ import annotations

import json

from api.errors import Unavailable
from api.ports import Ending
from tests.integration.attempts import Core, Start
from tests.support.waiting import wait_until


def test_a_checkpoint_waits_for_what_was_reported_before_it(start: Start) -> None:
    """The journal is down: the second number is not saved before the first one is stored."""
    down = True
    core = Core()
    core.trouble = lambda: Unavailable("the disk is full") if down else None
    running = start("test-counter", {"upto": 5}, core=core)
    file = running.assignment.checkpoint_file
    wait_until(file.exists)
    wait_until(lambda: core.refused > 2)
    assert {"at": 1} == json.loads(file.read_bytes())
    down = False
    assert running.outcome().ending is Ending.COMPLETED
    assert {"at": 5} == json.loads(file.read_bytes())
    assert [1, 2, 3, 4, 5] == core.steps()


def test_a_task_that_is_stopped_does_not_wait_for_a_journal_that_is_down(start: Start) -> None:
    core = Core()
    stopped = False
    core.trouble = lambda: None if stopped else Unavailable("the disk is full")
    running = start("test-counter", {"upto": 1000, "delay": 0.01}, core=core)
    wait_until(lambda: core.refused > 2)
    running.control.send("cancel")
    wait_until(lambda: json.loads(running.assignment.checkpoint_file.read_bytes())["at"] == 2)
    stopped = True
    assert running.outcome().ending is Ending.CANCELLED
