"""Ports for servers of tests that run side by side."""

from __future__ import annotations

import itertools
import random
import socket

FIRST, LAST = 10_000, 31_999
"""Below those that the kernel gives to clients: one of them could take the port of a server that is restarted."""
_START = random.randint(FIRST, LAST)
_ports = itertools.chain(range(_START, LAST + 1), itertools.cycle(range(FIRST, LAST + 1)))


def free_port() -> int:
    """A port that nobody listens on right now, and that this process has not given out for a long time.

    Each process goes round from a place of its own, so that no two of them come upon the same one.
    """
    return next(filter(_is_free, _ports))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
