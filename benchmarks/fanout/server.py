"""One side as a process of its own. It connects to us, says where it listens, and ends when we do."""

from __future__ import annotations

import select
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import IO

from benchmarks.machine import cpu_seconds, on_server_core
from tests.support.servers import ROOT

START_SECONDS = 20.0
STOP_SECONDS = 5.0


class Control:
    """Lines to and from a server."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._read = b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, line: str) -> None:
        self._sock.sendall(line.encode() + b"\n")

    def line(self, timeout: float) -> str:
        """The next line, empty if there is none in time. `ConnectionError` when the server has gone."""
        deadline = monotonic() + timeout
        while b"\n" not in self._read:
            if not select.select([self._sock], [], [], max(0.0, deadline - monotonic()))[0]:
                return ""
            if not (got := self._sock.recv(4096)):
                raise ConnectionError("the server ended")
            self._read += got
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    def ask(self, line: str, timeout: float) -> str:
        """Send a line, and the answer to it."""
        self.send(line)
        if not (answer := self.line(timeout)):
            raise TimeoutError(f"no answer to {line!r} in {timeout:.0f} s")
        return answer


@dataclass(frozen=True)
class Server:
    port: int
    pid: int
    control: Control

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        return cpu_seconds(self.pid)


@contextmanager
def started(command: Sequence[str]) -> Iterator[Server]:
    """`command CONTROL_PORT` on the server's core, until the end of the block; its last words are in what is raised."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile("w+") as said:
        listener.settimeout(START_SECONDS)
        line = on_server_core([*command, str(listener.getsockname()[1])])
        process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            with _accepted(listener, process) as sock:
                control = Control(sock)
                yield Server(int(control.line(START_SECONDS).removeprefix("ready ")), process.pid, control)
        except Exception as error:
            error.add_note(_last_words(said))
            raise
        finally:
            _end(process)


def _accepted(listener: socket.socket, process: subprocess.Popen[bytes]) -> socket.socket:
    """The server's connection to us."""
    deadline = monotonic() + START_SECONDS
    while process.poll() is None and monotonic() < deadline:
        if select.select([listener], [], [], 0.1)[0]:
            return listener.accept()[0]
    raise ConnectionError("the server did not start")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(said: IO[str]) -> str:
    said.seek(0)
    return said.read()[-2000:]
