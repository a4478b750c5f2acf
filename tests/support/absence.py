"""A task of 1,000 events, and a network that is away for 30 s in the middle of them."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.support.waiting import wait_until
from tests.support.wire import Wire

SECONDS = 30
EVENTS = 1000
TICKS = {"n": EVENTS, "per_second": 25}
"""Params of `test-ticks`: 40 s, so that it goes on before, during and after the absence."""
BEFORE = 100
"""Events that are seen before the network goes."""
PATIENCE = 90
"""Seconds until the end is known: the client's own back-off, up to 30 s, comes on top."""


def go_away(wire: Wire, seen: Callable[[], int]) -> None:
    """Take the network down once `seen()` events have come, and bring it back 30 s later."""
    wait_until(lambda: seen() > BEFORE, 30, lambda: f"only {seen()} events came")
    wire.down()
    gone, then = time.monotonic(), seen()
    wait_until(lambda: time.monotonic() - gone > SECONDS, 2 * SECONDS, interval=0.5)
    assert seen() < then + BEFORE, "the network was not away"
    wire.up()
