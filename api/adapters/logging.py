"""logging: a handler that writes records to the task's log.

    logging.getLogger().addHandler(ReportHandler(job))

For external jobs; in a workload `logging` goes to the task's log by itself.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from api.adapters import Job
from api.errors import TaskCancelled

_OWN = ("api.subscriber", "urllib3", "requests", "charset_normalizer")
"""Loggers of what carries the reports: a report about a report would never end."""
_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))


class ReportHandler(logging.Handler):
    """Never waits for the server and never raises: the job sends what it is given from a thread of its own, many
    lines in one request, and holds a bounded number of them. A cancel is raised by the next other call of the job."""

    def __init__(self, job: Job, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._job = job
        self._busy = threading.local()
        self.addFilter(_is_foreign)

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(self._busy, "now", False):
            return  # the job itself has logged while it took a record
        self._busy.now = True
        try:
            with suppress(TaskCancelled):
                self._job.log(self.format(record), _level(record.levelno), record.name)
        except Exception:  # noqa: BLE001  what logging does everywhere: tell it on stderr, never break the work
            self.handleError(record)
        finally:
            self._busy.now = False


def _is_foreign(record: logging.LogRecord) -> bool:
    return not any(record.name == own or record.name.startswith(f"{own}.") for own in _OWN)


def _level(number: int) -> str:
    return next((name for floor, name in _LEVELS if number >= floor), "debug")
