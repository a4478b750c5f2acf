"""The processes that a server started, as the kernel lists them."""

from __future__ import annotations

from pathlib import Path


def child_pids(pid: int) -> list[int]:
    """Every descendant of a process."""
    children = [
        int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()
    ]
    return children + [grandchild for child in children for grandchild in child_pids(child)]


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has reaped yet has ended too."""
    return state(pid) in ("", "Z")


def state(pid: int) -> str:
    """The kernel's letter for it, such as `S` for sleeping and `T` for stopped; nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]
