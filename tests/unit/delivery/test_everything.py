"""Every task at once: progress thinned out, all else at once, other processes' events a little later."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from api.delivery.everything import PROGRESS_SECONDS, Everything
from api.domain.event import Draft, EventType
from tests.unit.delivery.test_hub import TASK, World


@dataclass(eq=False)
class Listener:
    heard: list[tuple[str, int]] = field(default_factory=list)

    def push_of(self, owner, event):
        assert owner == "local"
        self.heard.append((str(event.type), event.seq))


@pytest.fixture
def world():
    world = World()
    world.everything = Everything(world.store, world.bus, world.runtime)
    world.bus.deliver = lambda: world.everything._on_bell(world.bus.kept.pop(0))
    return world


def progress(world, current):
    data = {"attempt": 1, "current_iteration": current, "max_iterations": 9, "progress_percent": 1.0}
    world.publisher.publish(TASK, [Draft(EventType.PROGRESS, data)])
    world.bus.deliver()


def say(world, kind, **data):
    world.publisher.publish(TASK, [Draft(kind, data)])
    world.bus.deliver()


def let_100_ms_pass(world):
    """One turn of the threads that hold progress back."""
    turns, world.runtime.spawned = world.runtime.spawned, []
    for function, args in turns:
        slept = []

        def sleep(seconds, slept=slept):
            if slept:
                raise _Enough
            slept.append(seconds)

        world.runtime.sleep = sleep
        try:
            function(*args)
        except _Enough:
            world.runtime.spawned.append((function, args))
        assert [PROGRESS_SECONDS] == slept


class _Enough(Exception):
    """The thread sleeps on."""


def test_of_many_progress_reports_the_first_goes_at_once_and_the_latest_after_100_ms(world):
    listener = Listener()
    world.everything.enter(listener)
    for current in range(1, 6):
        progress(world, current)
    assert [("progress", 1)] == listener.heard
    let_100_ms_pass(world)
    assert [("progress", 1), ("progress", 5)] == listener.heard
    let_100_ms_pass(world)
    assert [] == world.runtime.spawned, "a quiet task needs no thread"


def test_everything_else_goes_at_once_and_nothing_follows_the_end(world):
    listener = Listener()
    world.everything.enter(listener)
    progress(world, 1)
    progress(world, 2)
    say(world, EventType.LOG, level="info", message="x")
    say(world, EventType.STATUS_CHANGE, status="completed", message="", attempt=1)
    let_100_ms_pass(world)
    assert [("progress", 1), ("log", 3), ("status_change", 4)] == listener.heard


def test_what_another_process_commits_is_found_by_the_second_sweep(world):
    listener = Listener()
    world.everything.enter(listener)
    world.report(2)
    world.bus.kept.clear()
    world.everything.sweep()
    assert [] == listener.heard, "a bell may only be late"
    world.everything.sweep()
    assert [("log", 1), ("log", 2)] == listener.heard
    world.everything.sweep()
    assert 2 == len(listener.heard)


def test_the_end_of_a_task_in_another_process_is_found_too(world):
    listener = Listener()
    world.everything.enter(listener)
    say(world, EventType.LOG, level="info", message="x")
    world.publisher.publish(TASK, [Draft(EventType.ERROR, {"status": "failed", "error": "x"})])
    world.bus.kept.clear()
    world.everything.sweep()
    world.everything.sweep()
    assert [("log", 1), ("error", 2)] == listener.heard


def test_a_bell_that_is_only_late_is_pushed_once(world):
    listener = Listener()
    world.everything.enter(listener)
    world.report()
    world.everything.sweep()
    world.bus.deliver()
    world.everything.sweep()
    assert [("log", 1)] == listener.heard


def test_what_was_before_the_first_listener_is_not_told(world):
    world.report(3)
    world.bus.kept.clear()
    listener = Listener()
    world.everything.enter(listener)
    world.everything.sweep()
    world.everything.sweep()
    assert [] == listener.heard


def test_who_has_left_hears_nothing(world):
    listener = Listener()
    world.everything.enter(listener)
    world.everything.leave(listener)
    say(world, EventType.LOG, level="info", message="x")
    assert [] == listener.heard
