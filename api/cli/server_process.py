"""A server as a child process: started, waited for, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from api.errors import ClientError

if TYPE_CHECKING:
    from api.client import APIClient

SCRIPT = Path(__file__).resolve().parent.parent / "server.py"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
_POLL_SECONDS = 0.05


class ServerDidNotStart(ClientError):
    """The server did not start."""


class ServerProcess:
    """`with ServerProcess(...) as server:` gives a server that is ready; it ends with the block."""

    def __init__(self, host: str, port: int, data_dir: Path, folder: Path) -> None:
        self.url = f"http://{_reachable(host)}:{port}"
        self.log = data_dir / "server.log"
        self._env = {"RUNCAST_HOST": host, "RUNCAST_PORT": str(port), "RUNCAST_DATA_DIR": str(data_dir)}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # Ctrl-C too: the server may not outlive who started it
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it is ready; `ServerDidNotStart` with its last words when it is not."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(SCRIPT)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, **self._env},
                start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
            )
        self._wait_ready(self._process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        from api.client import APIClient

        deadline = time.monotonic() + START_SECONDS
        with APIClient(self.url) as client:
            while not _ready(client):
                if process.poll() is not None:
                    raise ServerDidNotStart(
                        f"the server ended at once (code {process.returncode}):\n{self.last_words()}"
                    )
                if time.monotonic() > deadline:
                    raise ServerDidNotStart(f"the server is not ready after {START_SECONDS:g} s:\n{self.last_words()}")
                time.sleep(_POLL_SECONDS)

    def wait(self) -> int:
        """Block until it ends of itself; its exit code."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has not gone in half a minute or Ctrl-C is pressed again."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def _ready(client: APIClient) -> bool:
    try:
        client.ready_check()
    except ClientError:
        return False
    return True


def _reachable(host: str) -> str:
    """The name to reach a server by that listens on `host`; of every address, this machine's own."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it is read, nothing binds to it
    return f"[{own}]" if ":" in own else own


def free_port(host: str, wanted: int) -> int:
    """`wanted`, or the next port after it that nobody listens on."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerDidNotStart(f"no free port from {wanted} on: set RUNCAST_PORT")
