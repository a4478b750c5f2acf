"""A real Redis on a port and in a folder of its own; the system's is not touched."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import STOP_SECONDS
from tests.support.services import require
from tests.support.waiting import wait_until


class RedisProcess:
    """Keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.program = require("redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder

    def __enter__(self) -> RedisProcess:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([self.program, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, 10, lambda: (self._folder / "redis.log").read_text(errors="replace"))
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as asked:
                asked.sendall(b"PING\r\n")
                return asked.recv(16).startswith(b"+PONG")
        except OSError:
            return False
