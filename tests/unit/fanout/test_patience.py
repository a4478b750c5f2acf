"""Readers that are blocked: pings wait with them, after a minute they are let go."""

from __future__ import annotations

import pytest

from api.fanout import patience as module
from api.fanout.patience import Patience
from tests.unit.fanout.outboxes import Wire, an_outbox, message


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def time(self):
            return self.now

        monotonic = time

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def a_blocked_one(clock):
    outbox, _ = an_outbox(wire=Wire(room=0))
    outbox.put(message("x"))
    outbox.moved_at = clock.now
    return outbox


def test_the_ping_of_a_blocked_reader_does_not_run_out(clock):
    outbox, given_up = a_blocked_one(clock), []
    patience = Patience(given_up.append)
    patience.watch(outbox)
    outbox.session.last_ping = clock.now
    for _ in range(59):
        clock.now += 1
        patience.look()
    assert ([], clock.now) == (given_up, outbox.session.last_ping)
    clock.now += 1
    patience.look()
    assert [outbox] == given_up


def test_a_reader_that_drains_is_kept_for_as_long_as_it_takes(clock):
    outbox, given_up = a_blocked_one(clock), []
    patience = Patience(given_up.append)
    patience.watch(outbox)
    for minute in range(10):
        outbox.channel.unsent = lambda minute=minute: 100_000 - minute * 1000
        clock.now += 59
        patience.look()
    assert [] == given_up


def test_the_minute_begins_when_a_reader_is_first_watched(clock):
    outbox, given_up = an_outbox(wire=Wire())[0], []
    outbox.moved_at = clock.now - 3600
    outbox.channel.unsent = lambda: 5000
    patience = Patience(given_up.append)
    patience.watch(outbox)
    patience.look()
    clock.now += 59
    patience.watch(outbox)
    patience.look()
    assert [] == given_up
    clock.now += 1
    patience.look()
    assert [outbox] == given_up


def test_bytes_in_the_kernel_count_as_waiting_when_the_outbox_is_empty(clock):
    outbox, given_up = an_outbox(wire=Wire())[0], []
    outbox.moved_at = clock.now
    outbox.channel.unsent = lambda: 5000
    patience = Patience(given_up.append)
    patience.watch(outbox)
    clock.now += 60
    patience.look()
    assert [outbox] == given_up


def test_one_that_has_sent_everything_is_watched_no_more_and_its_ping_runs(clock):
    outbox, _ = an_outbox(wire=Wire())
    outbox.session.last_ping = 1.0
    patience = Patience(lambda outbox: None)
    patience.watch(outbox)
    patience.look()
    assert ({}, 1.0) == (patience._waiting, outbox.session.last_ping)


def test_a_socket_that_is_not_pinged_now_is_left_alone(clock):
    outbox = a_blocked_one(clock)
    patience = Patience(lambda outbox: None)
    patience.watch(outbox)
    clock.now += 30
    patience.look()
    assert outbox.session.last_ping is None


def test_the_ping_of_one_that_is_only_not_answered_runs_out(clock):
    """The ping itself is all that waits in the kernel, for a machine that is gone."""
    outbox, _ = an_outbox(wire=Wire())
    outbox.channel.unsent = lambda: 3
    outbox.moved_at = outbox.session.last_ping = clock.now
    patience = Patience(lambda outbox: None)
    patience.watch(outbox)
    for _ in range(21):
        clock.now += 1
        patience.look()
    assert 21 == clock.now - outbox.session.last_ping


@pytest.mark.parametrize(("ping_timeout", "patience", "tick"), [(20, 60, 1.0), (2, 60, 0.5), (20, 2, 0.5)])
def test_its_thread_looks_often_enough(ping_timeout, patience, tick):
    turns = []

    def sleep(seconds):
        turns.append(seconds)
        if len(turns) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Patience(lambda outbox: None, seconds=patience).run(sleep, ping_timeout)
    assert [tick] * 3 == turns
