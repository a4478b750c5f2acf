"""Logging, warnings, stdout and stderr of the child become log events."""

from __future__ import annotations

import faulthandler
import io
import logging
import signal
import sys

from api.execution.outlet import Outlet

STACKS_SIGNAL = signal.SIGUSR1
"""Has the child write the stacks of all its threads to stderr."""


class EventHandler(logging.Handler):
    """Sends log records, each line as an event of its own."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._outlet.log(self.format(record), level_name(record.levelno), record.name)
        except Exception:  # noqa: BLE001 - what logging does everywhere: tell it on stderr, never break the work
            self.handleError(record)


def level_name(number: int) -> str:
    """The nearest of our levels at or below a level of `logging`."""
    for floor, name in ((50, "critical"), (40, "error"), (30, "warning"), (20, "info")):
        if number >= floor:
            return name
    return "debug"


def capture(outlet: Outlet) -> None:
    """Once per process. stdout and stderr stay what they are: the supervisor reads them line by line."""
    root = logging.getLogger()
    root.addHandler(EventHandler(outlet))
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    faulthandler.register(STACKS_SIGNAL, all_threads=True)  # in C: whatever holds the interpreter's lock
    faulthandler.enable(all_threads=False)  # the last words of a segfault: its Python stack, on stderr
