"""Celery as it comes: prefork workers, Redis as broker and for the results. `PEER_REDIS` is its URL."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("benchmarks.peers.celery_app", broker=os.environ["PEER_REDIS"], backend=os.environ["PEER_REDIS"])


@app.task
def noop() -> None:
    """What Runcast's `test-noop` does."""


@app.task
def now() -> float:
    """When its body runs, on the clock that all processes share."""
    return time.monotonic()
