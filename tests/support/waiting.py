"""Waiting with a deadline, in place of sleeping and hoping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

CLIENT_THREADS = frozenset(
    {"runcast-link", "runcast-messages", "runcast-dispatch", "runcast-goodbye", "runcast-socket"}
)
_NEVER = threading.Event()
INTERVAL = 0.02


def wait_until(
    condition: Callable[[], object],
    timeout: float = 10.0,
    explain: Callable[[], str] = lambda: "it did not happen",
    interval: float = INTERVAL,
) -> None:
    """Return as soon as `condition()`, asked every `interval` seconds, is true.

    Fails with `explain()` after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s: {explain()}")
        _NEVER.wait(interval)


def let_pass(seconds: float) -> None:
    """Do nothing for a while: for a client that is slow on purpose. Never to wait for something to happen."""
    _NEVER.wait(seconds)


def client_threads() -> list[str]:
    """Names of the threads of Python clients in this process that still live."""
    return [thread.name for thread in threading.enumerate() if thread.name in CLIENT_THREADS]
