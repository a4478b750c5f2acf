"""The machine and its processes, as /proc tells: what figures were taken on, cores, CPU time, memory."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
"""Of a machine with one core both are the same: the figures then say so by `cores`."""


def machine() -> dict[str, Any]:
    """What the figures are taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cpu": cpu,
        "cores": len(CORES),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
        "pinned": f"server (its threads and children too) and peers to core {SERVER_CORE}, load to {LOAD_CORE}; "
        "in replay, crowd and slow",
    }


def on_server_core(command: Sequence[str]) -> list[str]:
    """The command that runs on the server's core, and all that it starts."""
    return ["taskset", "-c", str(SERVER_CORE), *command]


@contextmanager
def on_load_core() -> Iterator[None]:
    """Keep this process on the core that the server is not on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all its threads, not of its children.

    What utime + stime of /proc tell in steps of 10 ms, its CPU clock tells in nanoseconds (`clock_getcpuclockid`).
    """
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid: int) -> tuple[float, float]:
    """(now, most since `forget_peak`) of the resident memory of a process, in MiB."""
    found = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, peak = (int(found[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def anonymous(pid: int) -> int:
    """What a process has of memory that is no file's, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    real = str(folder.resolve())
    fitting = [(point, kind) for point, kind in mounts if (real + "/").startswith(point.rstrip("/") + "/")]
    return max(fitting, key=lambda mount: len(mount[0]))[1]


class Share:
    """How busy this process has been since it was made: 1.0 is a whole core."""

    def __init__(self) -> None:
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def __call__(self) -> float:
        return (time.process_time() - self._cpu) / max(time.monotonic() - self._wall, 1e-9)
