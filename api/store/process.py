"""Which process this is, and whether another one still runs: as the system tells it."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def boot_id() -> str | None:
    """Another one after each start of the machine; None where the system has no such thing."""
    return _read(_PROC / "sys/kernel/random/boot_id")


def this_process() -> str:
    """A name for this process that no later one of the same boot has: namespace, id, start."""
    pid = os.getpid()
    return f"{_namespace()}/{pid}/{_started(pid)}"


def has_ended(process: str) -> bool:
    """Whether `process`, of this boot, is surely gone. False where that cannot be seen from here."""
    namespace, pid, started = process.rsplit("/", 2)
    return _PROC.is_dir() and namespace == _namespace() and started != _started(int(pid))


def _namespace() -> str:
    try:
        return os.readlink(_PROC / "self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Clock ticks from the boot to the start of the process; the name before them may hold anything."""
    status = _read(_PROC / str(pid) / "stat")
    return status.rpartition(")")[2].split()[19] if status else ""


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
