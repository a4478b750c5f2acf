"""A job that keeps what it is told."""

from __future__ import annotations

import threading

from api.errors import TaskCancelled


class KeptJob:
    """Cancelled after so many progress reports, if at all."""

    def __init__(self, cancel_after=None):
        self.points = []
        self.iterations = []
        self.lines = []
        self.cancelled = False
        self._cancel_after = cancel_after
        self._lock = threading.Lock()

    def progress(self, current, *, total=None, message=None):
        with self._lock:
            self.points.append((current, total, message))
            self.cancelled |= self._cancel_after is not None and len(self.points) >= self._cancel_after
        self.checkpoint()

    def iteration(self, iteration, metrics):
        with self._lock:
            self.iterations.append((iteration, dict(metrics)))

    def log(self, message, level="info", logger=None):
        self.lines.append((level, logger, message))
        self.checkpoint()

    def checkpoint(self):
        if self.cancelled:
            raise TaskCancelled
