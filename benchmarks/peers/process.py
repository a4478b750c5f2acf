"""A peer as a process of its own: it is given a port and says when it listens."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.servers import ROOT, free_port


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
