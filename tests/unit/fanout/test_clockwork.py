"""Pings, their answers, and what clients owe: deadlines of all connections on one clock."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from api.fanout import clockwork as module
from api.fanout.clockwork import Clockwork

REASON = SimpleNamespace(PING_TIMEOUT="ping timeout", TRANSPORT_ERROR="transport error")


class Session:
    def __init__(self, clock, sid):
        self._clock, self.sid = clock, sid
        self.server = SimpleNamespace(reason=REASON, start_background_task=lambda call, **options: call(**options))
        self.last_ping = self.owing = None
        self.awaited = self.closed = False
        self.pings = []
        self.reason = None

    def ping(self, since):
        self.last_ping = since
        self.pings.append(self._clock.now)

    def close(self, wait, reason):
        self.closed, self.reason = True, reason


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


class World:
    def __init__(self, clock, interval=25, timeout=20):
        self.clock = clock
        self.sessions = {}
        self.clockwork = Clockwork(self.sessions, ping_interval=interval, ping_timeout=timeout)

    def session(self, sid="one"):
        self.sessions[sid] = session = Session(self.clock, sid)
        self.clockwork.expect_ping(sid)
        return session

    def pong(self, session):
        session.last_ping = None
        self.clockwork.expect_ping(session.sid)

    def run(self, seconds):
        """Until then, as its background task would."""
        end = self.clock.now + seconds
        while (pause := self.clockwork.turn()) + self.clock.now <= end:
            self.clock.now += pause
        self.clock.now = end
        self.clockwork.turn()


def test_a_client_that_answers_is_pinged_once_in_each_interval(clock):
    world = World(clock)
    session = world.session()
    for _ in range(4):
        world.run(25)
        world.pong(session)
    assert [1025, 1050, 1075, 1100] == session.pings
    assert not session.closed


def test_a_turn_that_is_late_costs_the_client_no_time_and_a_little_late_gives_it_none(clock):
    world = World(clock)
    late, punctual = world.session("late"), None
    clock.now += 30
    world.clockwork.turn()
    assert clock.now - 0.05 == late.last_ping
    punctual = world.session("punctual")
    clock.now += 25.01
    world.clockwork.turn()
    assert clock.now - 0.01 == pytest.approx(punctual.last_ping)


def test_one_that_does_not_answer_is_closed_after_the_time_out(clock):
    world = World(clock)
    session = world.session()
    world.run(44.9)
    assert not session.closed
    world.run(0.1)
    assert "ping timeout" == session.reason


def test_a_ping_that_was_put_off_has_its_time_from_then(clock):
    """A reader that is slow: see `Patience`."""
    world = World(clock)
    session = world.session()
    for _ in range(9):
        world.run(10)
        session.last_ping = session.last_ping and clock.now
    assert not session.closed
    world.run(20)
    assert "ping timeout" == session.reason


def test_however_the_interval_and_the_time_out_compare_the_queues_do_not_grow(clock):
    world = World(clock, interval=1, timeout=5)
    session = world.session()
    for _ in range(50):
        world.run(1)
        world.pong(session)
    assert 50 == len(session.pings)
    assert 2 >= len(world.clockwork._pongs) + len(world.clockwork._pings)


def test_one_that_has_gone_is_forgotten(clock):
    world = World(clock)
    session = world.session()
    world.run(25)
    world.sessions.clear()
    world.run(60)
    assert not session.closed
    assert 0 == len(world.clockwork._pings) + len(world.clockwork._pongs)


def test_what_a_client_owes_must_come_in_time(clock):
    world = World(clock)
    pays, owes = world.session("pays"), world.session("owes")
    for session in (pays, owes):
        world.clockwork.expect(session)
    pays.owing = None
    world.run(9.9)
    assert not owes.closed
    world.run(0.1)
    assert ("transport error", False) == (owes.reason, pays.closed)


def test_a_second_debt_has_its_own_time(clock):
    world = World(clock)
    session = world.session()
    world.clockwork.expect(session)
    world.run(9)
    world.clockwork.expect(session)
    world.run(9)
    assert not session.closed
    world.run(1)
    assert session.closed


def test_nothing_to_do_is_looked_at_rarely_and_what_is_due_in_time(clock):
    world = World(clock)
    assert 10 == world.clockwork.turn()
    world.session()
    clock.now += 24.5
    assert 0.5 == world.clockwork.turn()
