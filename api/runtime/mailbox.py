"""Calls from any OS thread to the hub: a deque and one byte on a socketpair."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from api import metrics
from api.log import get_logger

_log = get_logger(__name__)


class Mailbox:
    """`post` may be called by any thread; `drain_for_ever` runs in one thread of the hub."""

    def __init__(self, write: Callable[[int, bytes], int]) -> None:
        """`write` is the operating system's own, not a green one."""
        self._calls: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._signalled = False
        self._reader, self._writer = socket.socketpair()
        self._write = write

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        self._calls.append((function, args))
        if not self._signalled:  # at most a handful of bytes are ever unread: the write cannot block
            self._signalled = True
            self._write(self._writer.fileno(), b"\0")

    def drain_for_ever(self) -> None:
        while self._reader.recv(4096):
            self._signalled = False
            while self._calls:
                self._run(*self._calls.popleft())

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except Exception:  # noqa: BLE001  whatever was posted, the mailbox goes on; counted and logged
            metrics.failure("mailbox")
            _log.exception("posted_call_failed", function=repr(function))
