"""The hub: cursors meet the live feed without a gap and without a duplicate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from api.delivery.hub import Hub
from api.domain.event import Draft, Event, EventType
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Doorbell
from api.services.publish import Publisher
from api.store.memory import MemoryStore

AT = datetime(2026, 1, 2, tzinfo=UTC)
TASK = "00000000-0000-0000-0000-000000000001"


class ManualRuntime:
    """Runs what is spawned when it is told to, so that a test decides what happens in between."""

    def __init__(self):
        self.spawned = []

    def spawn(self, function, *args):
        self.spawned.append((function, args))

    def sleep(self, seconds):
        """A reader without room: the test's `while_asleep` decides what happens meanwhile."""
        self.while_asleep()

    def run_spawned(self):
        while self.spawned:
            function, args = self.spawned.pop(0)
            function(*args)


class HandBus:
    """Keeps the bells until the test rings or loses them."""

    def __init__(self):
        self.kept: list[Doorbell] = []

    def ring(self, bell):
        self.kept.append(bell)

    def listen(self, listener):
        self.listener = listener

    def deliver(self, index=0):
        self.listener(self.kept.pop(index))


@dataclass(eq=False)
class Reader:
    """A member that is its own channel and remembers what it was given."""

    seqs: list[int] = field(default_factory=list)
    here: bool = True
    room: bool = True

    @property
    def channel(self):
        return self

    def wanted(self):
        return self.here

    def deliver(self, events):
        self.seqs += [event.seq for event in events]

    def push(self, events):
        self.seqs += [event.seq for event in events]

    def has_room(self):
        return self.room

    def entered(self):
        pass


class World:
    """One task, one hub; `report` commits an event and keeps its bell."""

    def __init__(self):
        self.store = MemoryStore()
        self.bus = HandBus()
        self.runtime = ManualRuntime()
        self.hub = Hub(self.store, self.bus, self.runtime)
        self.publisher = Publisher(self.store, self.bus, lambda: AT)
        task = Task(id=TASK, type="x", owner="local", created_at=AT, status=Status.RUNNING)
        self.store.write(lambda tx: tx.add_task(task))

    def report(self, count=1):
        for _ in range(count):
            self.publisher.publish(TASK, [Draft(EventType.LOG, {"level": "info", "message": "x"})])

    def ring_all(self):
        while self.bus.kept:
            self.bus.deliver()
            self.runtime.run_spawned()

    @property
    def last_seq(self):
        return self.store.read(lambda tx: tx.task(TASK)).last_seq


@pytest.fixture
def world():
    return World()


def test_a_reader_from_the_start_gets_what_is_stored_and_then_what_comes(world):
    world.report(450)
    world.ring_all()
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.report(3)
    world.ring_all()
    assert list(range(1, 454)) == reader.seqs


def test_a_bell_that_comes_after_the_reader_has_read_its_event_is_dropped(world):
    world.report(2)
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.ring_all()
    assert [1, 2] == reader.seqs


def test_bells_in_the_wrong_order_arrive_in_the_right_one(world):
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.report(3)
    for index in (2, 1, 0):
        world.bus.deliver(index)
        world.runtime.run_spawned()
    assert [1, 2, 3] == reader.seqs


def test_a_lost_bell_is_made_up_for_by_the_next_one(world):
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.report(2)
    world.bus.kept.clear()
    world.report()
    world.ring_all()
    assert [1, 2, 3] == reader.seqs


def test_the_last_bell_of_a_task_may_be_lost_too(world):
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.report()
    world.bus.kept.clear()
    world.hub.sweep()
    world.runtime.run_spawned()
    assert [1] == reader.seqs


def test_an_event_that_is_committed_while_a_hole_is_filled_comes_once(world):
    reader = Reader()
    world.hub.join(TASK, 0, reader)
    world.report(2)
    world.bus.kept.pop(0)
    world.bus.deliver()  # the hole is seen, the thread that fills is due
    world.report()
    world.bus.deliver()
    world.runtime.run_spawned()
    assert [1, 2, 3] == reader.seqs


def test_a_reader_that_goes_while_it_is_fed_does_not_enter(world):
    world.report(300)
    reader = Reader()
    reader.deliver = lambda events: setattr(reader, "here", False)
    assert world.hub.join(TASK, 0, reader) is None
    world.report()
    world.ring_all()
    assert [] == reader.seqs


def test_a_reader_without_room_waits_in_the_journal_and_misses_nothing(world):
    world.report(500)
    reader = Reader(room=False)
    waits = []

    def while_asleep():
        assert not reader.seqs, "it was given a page that it had no room for"
        waits.append(1)
        world.report()
        reader.room = len(waits) > 3

    world.runtime.while_asleep = while_asleep
    world.hub.join(TASK, 0, reader)
    world.ring_all()
    assert (4, list(range(1, 505))) == (len(waits), reader.seqs)


def test_who_has_left_hears_nothing_more(world):
    reader = Reader()
    feed = world.hub.join(TASK, 0, reader)
    world.hub.leave(feed, reader)
    world.report()
    world.ring_all()
    assert [] == reader.seqs


class Delivery(RuleBasedStateMachine):
    """Random joins, leaves, commits, lost and swapped bells: every reader sees a run without hole or repeat."""

    def __init__(self):
        super().__init__()
        self.world = World()
        self.readers: list[tuple[Reader, int, object]] = []

    @rule(count=st.integers(1, 3))
    def report(self, count):
        self.world.report(count)

    @rule(back=st.integers(0, 5))
    def join(self, back):
        after = max(0, self.world.last_seq - back)
        reader = Reader()
        self.readers.append((reader, after, self.world.hub.join(TASK, after, reader)))

    @precondition(lambda self: self.readers)
    @rule(data=st.data())
    def leave(self, data):
        reader, after, feed = self.readers.pop(data.draw(st.integers(0, len(self.readers) - 1)))
        self.world.hub.leave(feed, reader)
        _assert_run(reader, after)

    @precondition(lambda self: self.world.bus.kept)
    @rule(data=st.data())
    def ring(self, data):
        self.world.bus.deliver(data.draw(st.integers(0, len(self.world.bus.kept) - 1)))

    @precondition(lambda self: self.world.bus.kept)
    @rule(data=st.data())
    def lose(self, data):
        self.world.bus.kept.pop(data.draw(st.integers(0, len(self.world.bus.kept) - 1)))

    @rule()
    def run_spawned(self):
        self.world.runtime.run_spawned()

    @rule()
    def sweep(self):
        self.world.hub.sweep()

    @invariant()
    def every_reader_saw_an_unbroken_run(self):
        for reader, after, _feed in self.readers:
            _assert_run(reader, after)

    def teardown(self):
        self.world.runtime.run_spawned()
        self.world.hub.sweep()
        self.world.runtime.run_spawned()
        for reader, after, _feed in self.readers:
            assert list(range(after + 1, self.world.last_seq + 1)) == reader.seqs


def _assert_run(reader: Reader, after: int) -> None:
    assert list(range(after + 1, after + 1 + len(reader.seqs))) == reader.seqs


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_an_event_knows_whether_it_ends_its_task():
    ends = Event(TASK, 1, EventType.STATUS_CHANGE, {"status": "cancelled"}, AT)
    goes_on = Event(TASK, 2, EventType.STATUS_CHANGE, {"status": "paused"}, AT)
    assert (True, False) == (ends.terminal, goes_on.terminal)
