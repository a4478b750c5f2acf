"""Whether a task that runs here still says something."""

from __future__ import annotations

import pytest

from api.domain.event import Draft, EventType
from api.services.pulse import DUMP_SECONDS, Pulse

LINE = Draft(EventType.LOG, {"level": "info", "message": "x", "logger": "stdout"})
DUMPED = Draft(EventType.LOG, {"level": "warning", "message": "Current thread", "logger": "stderr"})


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_silence_is_late_after_the_floor_and_three_times_the_usual(clock):
    pulse = Pulse(10, clock)
    clock.now = 10.0
    assert not pulse.is_late
    clock.now = 10.1
    assert (True, 10.1) == (pulse.is_late, pulse.silent_for)
    pulse.beat()
    clock.now += 30
    assert not pulse.is_late
    clock.now += 0.4
    assert pulse.is_late


def test_it_is_late_once_until_it_says_something(clock):
    pulse = Pulse(10, clock)
    clock.now = 11.0
    pulse.stall()
    clock.now = 100.0
    assert (False, True) == (pulse.is_late, pulse.stalled)
    pulse.beat()
    assert not pulse.stalled


def test_the_stacks_that_were_asked_for_are_no_sign_of_life(clock):
    pulse = Pulse(10, clock)
    assert pulse.is_life([DUMPED])
    clock.now = 11.0
    pulse.stall()
    clock.now += DUMP_SECONDS
    assert (False, True, True) == tuple(map(pulse.is_life, ([DUMPED, DUMPED], [DUMPED, LINE], [LINE])))
    clock.now += 0.1
    assert pulse.is_life([DUMPED])


def test_a_pause_is_no_silence(clock):
    pulse = Pulse(10, clock)
    clock.now = 100.0
    pulse.rest()
    clock.now = 109.0
    assert not pulse.is_late
