"""What is asked of the kernel about a TCP socket."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from contextlib import suppress
from typing import Any

SEND_BUFFER = 128 * 1024
"""Bytes asked for; Linux doubles that for its own book-keeping. As it comes it grows to 4 MiB, and a ping
cannot pass what is in there."""


def prepare(raw: Any) -> None:
    """Bound its buffer, send at once, and leave it to `Patience` when a reader takes nothing.

    The kernel's own time-out, if its listener has one, takes a reader that drains slowly for one that is gone.
    """
    with suppress(OSError):  # it is closed already: the next read says so
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a second small write waits 40 ms
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)


def unsent(raw: Any) -> int:
    """Bytes that were written and that the other side's kernel has not acknowledged; 0 where nobody knows."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(raw.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    except (OSError, ValueError):
        return 0
    return int(count)


def cut_off(raw: Any) -> None:
    """Shut it down in both directions: whoever reads or writes it is woken by an error."""
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)


def say_no_more(raw: Any) -> None:
    """The other side reads what was sent, and then the end."""
    with suppress(OSError):
        raw.shutdown(socket.SHUT_WR)
