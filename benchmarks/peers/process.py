"""A peer as a process of its own: it is given a port and says when it listens."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import ROOT

NODE = Path(__file__).parent / "node"


def no_node() -> str:
    """Why there is no Node's socket.io to compare with; empty when there is one."""
    if not shutil.which("node"):
        return "node is not installed"
    return "" if (NODE / "node_modules" / "socket.io").is_dir() else "npm has not installed socket.io"


@dataclass(frozen=True)
class Peer:
    port: int
    pid: int


@contextmanager
def peer(command: Sequence[str]) -> Iterator[Peer]:
    """`command PORT`, until the end of the block."""
    port = free_port()
    process = subprocess.Popen([*command, str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"{command[0]} ended before it listened")
        yield Peer(port, process.pid)
    finally:
        process.terminate()
        process.wait(10)
