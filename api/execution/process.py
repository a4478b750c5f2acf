"""A worker process as its supervisor holds it: one place to wait for all that may come from it."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from api.execution import limits
from api.execution.channel import encode
from api.execution.remains import kill_group

_NO_PIDFD_POLL = 0.02
"""Seconds between two looks at the process where the system has no descriptor for it."""


@dataclass(frozen=True, slots=True)
class Ears:
    """The supervisor's ends of what connects it to one child."""

    wire: socket.socket
    stdout: int
    stderr: int
    woken: socket.socket
    """Becomes readable when another thread writes to `waker`."""
    waker: socket.socket
    selector: selectors.BaseSelector

    def close(self) -> None:
        self.selector.close()
        for sock in (self.wire, self.woken, self.waker):
            sock.close()
        os.close(self.stdout)
        os.close(self.stderr)


class ChildProcess:
    """The process, its socket, its stdout and stderr. Used by one thread, `wake` by any.

    Nothing here blocks but `wait`, and that only its own thread. Descriptors are read by `readv`, after `wait`
    and without blocking: eventlet's own `os.read` would wait for data first.
    """

    def __init__(self, popen: subprocess.Popen[bytes], ears: Ears, mark: str) -> None:
        self.pid = popen.pid
        self.mark = mark
        self.tasks = 0
        """How many it has been given."""
        self.waited = False
        """Whether it had waited before its present one."""
        self.reports = ears.wire.fileno()
        self.stdout = ears.stdout
        self.stderr = ears.stderr
        self._popen = popen
        self._ears = ears
        self._outgoing: deque[bytes] = deque()
        self._buffer = bytearray(limits.READ)
        self._open = {self.reports, self.stdout, self.stderr}
        self.ready: set[int] = set()
        """Of the three, those from which there was something to read when the last `wait` ended."""
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        for sock in (ears.wire, ears.woken, ears.waker):
            sock.setblocking(False)  # tells a green socket as well
        self._pidfd = _pidfd(popen.pid)
        self._watch(ears.woken.fileno(), selectors.EVENT_READ)
        if self._pidfd is not None:
            self._watch(self._pidfd, selectors.EVENT_READ)

    # -- waiting ---------------------------------------------------------------------------------------

    def wake(self) -> None:
        """End a `wait`, now or the next one; from any thread."""
        with suppress(OSError):  # full: it is awake; closed: it is over
            self._ears.waker.send(b"\0")

    def wait(self, timeout: float | None, *, listen: bool = True) -> None:
        """Until something may have come, or `timeout` seconds. Without `listen` the child's words wait."""
        for descriptor in self._open:
            self._watch(descriptor, self._interest(descriptor, listen))
        if self._pidfd is None:
            timeout = _NO_PIDFD_POLL if timeout is None else min(timeout, _NO_PIDFD_POLL)
        self.ready = {key.fd for key, _ in self._ears.selector.select(timeout)}
        if self._ears.woken.fileno() in self.ready:
            with suppress(BlockingIOError):
                self._ears.woken.recv(4096)
        self._flush()

    def _interest(self, descriptor: int, listen: bool) -> int:
        write = selectors.EVENT_WRITE if self._outgoing and descriptor == self.reports else 0
        return write | (selectors.EVENT_READ if listen else 0)

    def _watch(self, descriptor: int, events: int) -> None:
        known = self._ears.selector.get_map().get(descriptor)
        if known is None:
            if events:
                self._ears.selector.register(descriptor, events)
        elif not events:
            self._ears.selector.unregister(descriptor)
        elif known.events != events:
            self._ears.selector.modify(descriptor, events)

    # -- talking ---------------------------------------------------------------------------------------

    def send(self, message: dict[str, Any]) -> None:
        """Queue a message; what does not fit into the socket now goes with the next `wait`."""
        self._outgoing.append(encode(message))
        self._flush()

    def _flush(self) -> None:
        try:
            while self._outgoing:
                line = self._outgoing.popleft()
                sent = self._ears.wire.send(line)
                if sent < len(line):
                    self._outgoing.appendleft(line[sent:])
        except BlockingIOError:
            self._outgoing.appendleft(line)
        except OSError:  # it hears nothing any more; that it is ending shows elsewhere
            self._outgoing.clear()

    def read(self, descriptor: int) -> bytes:
        """What is there to read from one of the three, up to `limits.READ`; empty for nothing, now or ever."""
        if descriptor not in self._open:
            return b""
        try:
            size = os.readv(descriptor, [self._buffer])
        except BlockingIOError:
            return b""
        except OSError:  # a reset by a child that was killed with unread commands
            size = 0
        if not size:
            self._watch(descriptor, 0)
            self._open.discard(descriptor)
        return bytes(memoryview(self._buffer)[:size])

    @property
    def connected(self) -> bool:
        """Whether the child's end of the socket is still open, as far as has been read."""
        return self.reports in self._open

    # -- its end ---------------------------------------------------------------------------------------

    @property
    def exited(self) -> bool:
        """Whether the process has ended. It is not reaped before `exit_code`: until then its id stays its own."""
        if self._pidfd is None:
            return self._popen.poll() is not None
        try:
            look = os.WEXITED | os.WNOHANG | os.WNOWAIT
            exited = os.waitid(os.P_PIDFD, self._pidfd, look) is not None
        except ChildProcessError:  # reaped behind our back, as gevent does
            exited = True
        if exited:
            self._watch(self._pidfd, 0)  # it would end every further wait at once
        return exited

    def exit_code(self) -> int | None:
        """As `subprocess` has it; None while it is not known. Reaps the process."""
        code: int | None = self._popen.poll()
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        self._popen.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and to those that it started in its group."""
        kill_group(self.pid, number)

    def close(self) -> None:
        """Give every descriptor back. A child that still runs ends itself when its socket closes."""
        self._ears.close()
        if self._pidfd is not None:
            os.close(self._pidfd)


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or one older than 5.3
        return None
