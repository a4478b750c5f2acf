"""The bodies of RQ's jobs."""

from __future__ import annotations

import time


def noop() -> None:
    """What Runcast's `test-noop` does."""


def now() -> float:
    """When it runs, on the clock that all processes share."""
    return time.monotonic()
