"""What a workload leaves behind in its process: undone where that is possible, else the process ends with it."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from api.execution.capture import STACKS_SIGNAL

_SIGNALS = sorted(signal.valid_signals())
_LIMITS = (resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)


class Traces:
    """Taken before a workload runs. What modules keep to themselves is not seen: see `RUNCAST_TASKS_PER_WORKER`."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._stacks = signal.getsignal(STACKS_SIGNAL)  # one of ours in C that `signal.signal` would not bring back
        self._restore = [_folder(), _environment(), _lists(), _signals(), _logging(), _limits(), _umask()]

    def removed(self) -> bool:
        """Whether the process is as it was; False when something is left that cannot be taken away."""
        if self._left() or children():
            return False
        for restore in self._restore:
            restore()
        _reseed()
        return True

    def _left(self) -> bool:
        return (
            self._threads != set(threading.enumerate())
            or self._streams != (sys.stdin, sys.stdout, sys.stderr)
            or any(stream is not None and stream.closed for stream in self._streams)
            or self._stacks is not signal.getsignal(STACKS_SIGNAL)
        )


def children() -> bool:
    """Whether this process has any: also those whose parents have ended, of a `subreaper`."""
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", "rb") as stream:
                if stream.read(1):
                    return True
    except OSError:  # not Linux: nobody knows
        return True
    return False


def subreaper() -> None:
    """Become the parent of those below whose own parents end: then `children` shows daemons too."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # not Linux: there `children` says the safe thing
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def memory() -> int:
    """Bytes of this process that are in memory, those it shares included."""
    return _pages(1)


def allocated() -> int:
    """Bytes that `RLIMIT_DATA` counts."""
    return _pages(5)


def _pages(field: int) -> int:
    with open("/proc/self/statm", "rb") as stream:
        return int(stream.read().split()[field]) * resource.getpagesize()


# -- what can be put back: each takes it down, and gives what restores it ------------------------------


def _folder() -> Callable[[], None]:
    return lambda: os.chdir("/")  # not the task's: it may be moved or removed


def _environment() -> Callable[[], None]:
    before = dict(os.environ)

    def restore() -> None:
        if before != dict(os.environ):
            os.environ.clear()
            os.environ.update(before)

    return restore


def _lists() -> Callable[[], None]:
    kept_ones: list[Any] = [sys.path, sys.argv, sys.meta_path, sys.path_hooks, warnings.filters]
    pairs = [(kept, list(kept)) for kept in kept_ones]

    def restore() -> None:
        for kept, before in pairs:
            if kept != before:
                kept[:] = before

    return restore


def _signals() -> Callable[[], None]:
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    return restore


def _logging() -> Callable[[], None]:
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, logging.root.manager.disable

    def restore() -> None:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.disable(disabled)

    return restore


def _limits() -> Callable[[], None]:
    before = [(limit, resource.getrlimit(limit)) for limit in _LIMITS]

    def restore() -> None:
        for limit, values in before:
            if resource.getrlimit(limit) != values:
                resource.setrlimit(limit, values)

    return restore


def _umask() -> Callable[[], None]:
    before = os.umask(0o077)
    os.umask(before)

    def restore() -> None:
        os.umask(before)

    return restore


def _reseed() -> None:
    """The next task's random numbers are not to depend on what the last one has seeded."""
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def limit(memory_bytes: int | None, open_files: int | None) -> None:
    """Bound what this process, and each one that it starts, may take; `Traces` takes the bounds away."""
    for kind, most in (
        (resource.RLIMIT_DATA, None if memory_bytes is None else allocated() + memory_bytes),
        (resource.RLIMIT_NOFILE, open_files),
    ):
        if most is not None:
            hard = resource.getrlimit(kind)[1]
            if hard == resource.RLIM_INFINITY or most < hard:
                resource.setrlimit(kind, (most, hard))
