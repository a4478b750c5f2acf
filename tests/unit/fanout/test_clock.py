"""A wall clock that is set must neither close nor keep a connection."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from api.fanout import clock as module
from api.fanout.clock import WallClock


@pytest.fixture
def clocks(monkeypatch):
    clocks = SimpleNamespace(wall=1000.0, running=50.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clocks.wall, monotonic=lambda: clocks.running))
    return clocks


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_ping_that_is_out_when_the_clock_is_set_is_as_old_afterwards(clocks, jump):
    out, none_out = SimpleNamespace(last_ping=998.0), SimpleNamespace(last_ping=None)
    wall_clock = WallClock()
    clocks.wall += 1 + jump
    clocks.running += 1
    wall_clock.follow([out, none_out])
    assert (3.0, None) == (clocks.wall - out.last_ping, none_out.last_ping)
    wall_clock.follow([out])
    assert 3.0 == clocks.wall - out.last_ping


def test_time_that_passes_is_no_jump(clocks):
    socket = SimpleNamespace(last_ping=998.0)
    wall_clock = WallClock()
    clocks.wall += 60.1
    clocks.running += 60
    wall_clock.follow([socket])
    assert 998.0 == socket.last_ping
