"""What is left of a session: processes that a workload started and left behind, found through /proc.

A process belongs to it by its session, or by the mark in the environment that it inherited: so one that made
a session of its own (a daemon) is found too. Runs in real threads: no green call in here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

MARK = "RUNCAST_WORKER"
_PROC = "/proc"


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    name: str


def remains(session: int, mark: str) -> list[Process]:
    """Living processes of the session or with the mark; empty where there is no /proc."""
    needle = f"{MARK}={mark}".encode()
    return [
        Process(pid, name)
        for pid, name, sid in _processes()
        if sid == session or needle in _read(f"{_PROC}/{pid}/environ").split(b"\0")
    ]


def kill(pid: int, number: int) -> None:
    """Send a signal to one process, if it is still there and ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_group(group: int, number: int) -> None:
    """Send a signal to every process of a group, if any is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_session() -> None:
    """Kill this process and everything that it has started. Does not return."""
    session = os.getsid(0)
    for process in remains(session, os.environ.get(MARK, "")):
        if process.pid != os.getpid():
            kill(process.pid, signal.SIGKILL)
    if session == os.getpid():
        kill_group(session, signal.SIGKILL)
    os._exit(1)


def _processes() -> Iterator[tuple[int, str, int]]:
    """pid, name and session of everything that is not a zombie."""
    try:
        names = os.listdir(_PROC)
    except OSError:
        return
    for name in names:
        stat = _read(f"{_PROC}/{name}/stat") if name.isdigit() else b""
        # "pid (name) state ppid group session …", and the name may hold blanks and brackets
        head, _, tail = stat.rpartition(b")")
        fields = tail.split(None, 4)
        if len(fields) == 5 and fields[0] not in (b"Z", b"X"):
            yield int(name), head.partition(b"(")[2].decode("utf-8", "replace"), int(fields[3])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:  # it has ended, or it is another user's
        return b""
