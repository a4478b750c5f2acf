"""Every task at once: progress thinned out, all else at once, other processes' events a little later."""

from __future__ import annotations

import pytest

from api.delivery import heard
from api.delivery.everything import PROGRESS_SECONDS, Everything
from api.domain.event import Draft, EventType
from api.errors import Unavailable
from tests.unit.delivery.world import TASK, Parked, Reader, World


class Listener(Reader):
    """One subscriber of every task, and its audience."""

    owner = "local"
    greeted = 0

    @property
    def heard(self):
        return [*self.taken, *self.outbox]

    def sees(self, owner):
        return self.owner == owner

    def push_of(self, owner, event):
        if self.live and self.sees(owner):
            self._put((str(event.type), event.seq))

    def deliver(self, events):
        for count, event in enumerate(events):
            if self.full:
                return count
            self._put((str(event.type), event.seq))
        return len(events)

    def start_over(self):
        self.greeted += 1
        return 0


@pytest.fixture
def world():
    world = World()
    world.everything = Everything(world.store, world.bus, world.runtime)
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
                raise Parked
            slept.append(seconds)

        world.runtime.sleep = sleep
        try:
            function(*args)
        except Parked:
            world.runtime.spawned.append((function, args))
        assert [PROGRESS_SECONDS] == slept


def fill_up(world, listener):
    """Log lines until the listener has no room and has left."""
    while listener.live:
        say(world, EventType.LOG, level="info", message="x")


def catch_up(world, listener):
    for _ in range(50):
        listener.take()
        world.runtime.run_spawned()
        if listener.live:
            return
    raise AssertionError(f"not live again: {listener.heard[-5:]}")


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


def test_who_has_no_room_gets_the_latest_state_of_what_has_moved_and_is_live_again(world):
    slow, other = Listener(capacity=8), Listener()
    world.everything.enter(slow)
    world.everything.enter(other)
    fill_up(world, slow)
    assert 8 == len(slow.outbox)
    for current in range(20):
        progress(world, current)
    say(world, EventType.STATUS_CHANGE, status="completed", message="", attempt=1)
    assert 8 == len(slow.outbox), "nothing piles up"
    catch_up(world, slow)
    slow.take()
    assert [("progress", 28), ("status_change", 29)] == slow.heard[8:]
    assert other.live


def test_what_moves_while_the_states_are_told_is_told_too(world):
    slow = Listener(capacity=4)
    world.everything.enter(slow)
    fill_up(world, slow)
    progress(world, 1)
    read = world.store.read
    more = [2, 3]

    def read_and_move(query):
        answer = read(query)
        if more:
            world.store.read = read
            progress(world, more.pop(0))
            world.store.read = read_and_move
        return answer

    world.store.read = read_and_move
    catch_up(world, slow)
    assert ("progress", 7) == slow.heard[-1]


def test_with_more_tasks_than_are_remembered_it_is_told_to_take_the_list_again(world, monkeypatch):
    monkeypatch.setattr(heard, "REMEMBERED", 3)
    slow = Listener(capacity=4)
    world.everything.enter(slow)
    fill_up(world, slow)
    for number in range(5):
        world.everything._heard.note(f"task {number}", 1)
    catch_up(world, slow)
    assert 1 == slow.greeted


def test_the_tasks_of_others_are_not_told(world):
    slow = Listener(capacity=4)
    world.everything.enter(slow)
    fill_up(world, slow)
    slow.owner = "somebody else"
    progress(world, 1)
    catch_up(world, slow)
    assert 4 == len(slow.heard)


def test_a_journal_that_is_down_is_waited_for_and_one_that_is_down_at_the_start_is_told(world):
    read, down = world.store.read, lambda query: (_ for _ in ()).throw(Unavailable())
    slow = Listener(capacity=4)
    world.store.read = down
    with pytest.raises(Unavailable):
        world.everything.enter(slow)
    world.store.read = read
    world.everything.enter(slow)
    fill_up(world, slow)
    progress(world, 1)
    world.store.read = down
    slow.take()
    world.runtime.run_spawned()
    assert not slow.live
    world.store.read = read
    catch_up(world, slow)
    assert ("progress", 5) == slow.heard[-1]
