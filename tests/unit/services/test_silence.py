"""Reporters of external tasks that are not heard of any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.lifecycle import Command
from api.domain.permission import LOCAL
from api.errors import Conflict
from api.services.silence import Silence
from tests.unit.services.world import World

LINE = ("log", {"message": "x"})


class Watched(World):
    """A world in which time passes only by `wait`."""

    def __init__(self, lost=600):
        self.elapsed = 0.0
        super().__init__()
        self.restart(lost)
        self.wait(100)

    def restart(self, lost=600):
        self.silence = Silence(
            self.store, self.publisher, self.clock, floor=60, lost=lost, elapsed=lambda: self.elapsed
        )
        self.silence.sweep()

    def clock(self):
        return self.now

    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.elapsed += seconds
        self.silence.sweep()

    def report(self, task):
        return self.reports.report(LOCAL, task.id, [LINE])

    def heartbeat(self, task):
        return self.reports.heartbeat(LOCAL, task.id)


@pytest.fixture
def world():
    return Watched()


def test_a_silent_reporter_is_stalled_once_and_its_next_report_ends_that(world):
    task = world.submit(kind="away")
    world.wait(61)
    world.wait(10)
    (_, stalled) = world.events(task.id)
    assert (True, True) == (world.task(task.id).stalled, stalled.data["stalled"])
    assert "stalled: its reporter has not been heard of for 61 s" == stalled.data["message"]
    reported = world.report(task)
    assert ["log"] == [event.type for event in reported.events]
    (*_, back, line) = world.events(task.id)
    assert (False, "running", "log") == (back.data["stalled"], back.data["status"], line.type)
    assert world.task(task.id).stalled is False


def test_heartbeats_keep_it_alive_and_leave_the_history_as_it_is(world):
    task = world.submit(kind="away")
    for _ in range(20):
        world.wait(30)
        assert "running" == world.heartbeat(task).status
    assert (1, False) == (len(world.events(task.id)), world.task(task.id).stalled)
    assert world.now == world.task(task.id).heard_at


def test_a_heartbeat_ends_a_stall_with_one_event(world):
    task = world.submit(kind="away")
    world.wait(61)
    world.heartbeat(task)
    world.heartbeat(task)
    assert [None, True, False] == [event.data.get("stalled") for event in world.events(task.id)]


def test_it_fails_after_the_time_of_the_settings(world):
    task = world.submit(kind="away")
    world.wait(100)
    world.wait(400)
    assert "running" == world.task(task.id).status
    world.wait(101)
    failed = world.task(task.id)
    assert ("failed", "its reporter has not been heard of for 10 min") == (failed.status, failed.error)
    with pytest.raises(Conflict, match="has ended"):
        world.heartbeat(task)


def test_it_never_fails_where_the_settings_say_never():
    world = Watched(lost=0)
    task = world.submit(kind="away")
    for _ in range(10):
        world.wait(100_000)
    assert ("running", True) == (world.task(task.id).status, world.task(task.id).stalled)


def test_a_restart_gives_the_reporter_time_to_come_back(world):
    task = world.submit(kind="away")
    world.now += timedelta(seconds=3600)
    world.restart()
    world.wait(59)
    assert world.task(task.id).stalled is False
    world.wait(2)
    assert world.task(task.id).stalled is True


def test_a_stall_survives_the_restart_and_does_not_fail_at_first_sight(world):
    task = world.submit(kind="away")
    world.wait(61)
    world.now += timedelta(seconds=3600)
    world.restart()
    world.wait(59)
    assert ("running", True) == (world.task(task.id).status, world.task(task.id).stalled)
    world.wait(2)
    assert "failed" == world.task(task.id).status


def test_a_clock_that_jumps_ahead_fails_nothing(world):
    task = world.submit(kind="away")
    world.now += timedelta(days=2)
    world.wait(1)
    world.heartbeat(task)
    world.wait(1)
    assert ("running", False) == (world.task(task.id).status, world.task(task.id).stalled)


def test_what_runs_here_and_what_has_ended_is_none_of_its_business(world):
    ours, ended = world.submit(), world.submit(kind="away")
    world.take()
    world.controller.control(LOCAL, ended.id, Command.CANCEL)
    world.wait(1000)
    assert (False, False) == (world.task(ours.id).stalled, world.task(ended.id).stalled)
    with pytest.raises(Conflict, match="this server runs the task itself"):
        world.heartbeat(ours)
