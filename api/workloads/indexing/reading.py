"""The task's side of the reader process: starts it, asks it, and replaces it when a document was too much."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType

from api.errors import TaskFailed
from api.workloads.indexing.documents import BadDocument, Document

_ROOT = Path(__file__).resolve().parents[3]
"""The folder from which `api` is imported, installed or not."""
_MODULE = "api.workloads.indexing.reader_process"
START_SECONDS = 60.0
READY = b"ready"
"""What the process says first."""


class Reader:
    """Reads documents in a process of its own, which is started when it is first needed."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: for one document."""
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, name: str, data: bytes) -> Document:
        """`BadDocument` says why the document cannot be read, also when it has ended the process."""
        connection = self._connection or self._start()
        try:
            connection.send_bytes(name.encode())
            connection.send_bytes(data)
            return self._answer(connection)
        except (EOFError, OSError):
            raise BadDocument(f"ended the process that read it ({self._ended()})") from None

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answer(self, connection: Connection) -> Document:
        if not connection.poll(self._seconds):
            self.close()
            raise BadDocument(f"takes longer than {self._seconds:g} s to read")
        head = json.loads(connection.recv_bytes())
        if "error" in head:
            raise BadDocument(head["error"])
        return Document(head["title"], connection.recv_bytes().decode())

    def _start(self) -> Connection:
        near, far = socket.socketpair()
        self._connection = Connection(near.detach())
        with far:
            command = [sys.executable, "-m", _MODULE, str(far.fileno())]
            try:
                self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(far.fileno(),), cwd=_ROOT)
            except OSError as error:
                raise TaskFailed(f"the process that reads documents does not start: {error.strerror}") from None
        with suppress(EOFError, OSError):
            if self._connection.poll(START_SECONDS) and self._connection.recv_bytes() == READY:
                return self._connection
        raise TaskFailed(f"the process that reads documents does not start ({self._ended()})")

    def _ended(self) -> str:
        """How the process ended, in a word."""
        code = None
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(5)
        self.close()
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
