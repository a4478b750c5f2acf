"""The open connections of an HTTP server: how they are told that it ends, and what ends them if they stall."""

from __future__ import annotations

import _socket  # the C type, whatever is monkey-patched
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

DRAIN_SECONDS = 0.5
"""How long requests that are being answered have for it when the server stops."""
_LOOK = 0.02


class Connections:
    """Those that a server has accepted and not closed yet."""

    def __init__(self) -> None:
        self._open: set[Any] = set()

    @contextmanager
    def holding(self, connection: Any) -> Iterator[None]:
        """Count a socket as open for as long as it is being served."""
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    def drain(self, sleep: Callable[[float], object], seconds: float = DRAIN_SECONDS) -> None:
        """Wait `seconds` at most for those that end by themselves, then hang up on the others.

        Streams and kept-alive connections are among these: their clients find the line dead, and come again.
        """
        deadline = time.monotonic() + seconds
        while self._open and time.monotonic() < deadline:
            sleep(_LOOK)
        for connection in list(self._open):
            with suppress(OSError):  # it went at this very moment
                _hang_up(connection)


def _hang_up(connection: Any) -> None:
    """Of a green socket and a TLS one too, whose own `shutdown` would take TLS away from under who reads it, and not
    end the reading: that finds the line dead."""
    with closing(_socket.socket(fileno=os.dup(connection.fileno()))) as line:
        line.shutdown(socket.SHUT_RDWR)


def allow_many() -> int:
    """Let this process have as many files open as the system lets it: each connection is one. How many that is.

    A shell's usual limit of 1,024 would keep the next client waiting without a word.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # where the system has a lower limit that it does not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft


def limit_stalls(listener: Any, seconds: float) -> None:
    """Make the kernel end what `listener` accepts when the other side takes nothing for `seconds`.

    A write that waits for such a peer fails with ETIMEDOUT, in whatever way the server waits. An idle
    connection has nothing under way and stays. It counts what leaves the kernel: a peer that takes less than
    a few KB/s may count as one that takes nothing. Where the system has no such option (not Linux) nothing is done.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
