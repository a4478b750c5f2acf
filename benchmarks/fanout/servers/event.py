"""The event that every side emits: 250 bytes as a Socket.IO packet, give or take a digit of the clock."""

from __future__ import annotations

import itertools
import time
from typing import Any

NAMESPACE = "/tasks"
PINGS = {"ping_interval": 25, "ping_timeout": 20}
_SEQ = itertools.count(1_000_001)


def event() -> dict[str, Any]:
    """The next one; `sent` is the clock that all processes of a machine share, in microseconds."""
    seq = next(_SEQ)
    return {
        "task_id": "00000000-0000-4000-8000-000000000001",
        "seq": seq,
        "event_type": "iteration_complete",
        "data": {"attempt": 1, "iteration": seq, "metrics": {"loss": 0.125, "sent": time.monotonic_ns() // 1000}},
        "timestamp": "2026-01-01T00:00:00.000000Z",
    }
