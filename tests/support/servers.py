"""Real servers for tests: processes of their own on free ports, with a data folder that outlives a restart."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.certificates import trusting
from tests.support.ports import free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
STOP_SECONDS = 30

Command = Callable[[int], Sequence[str]]


def own_server(port: int) -> Sequence[str]:
    """`python api/server.py`."""
    return [sys.executable, str(ROOT / "api" / "server.py")]


def gunicorn(
    port: int, app: str = "wsgi:app", workers: int = 1, worker_class: str = "eventlet", more: Sequence[str] = ()
) -> Sequence[str]:
    """gunicorn with the project's own settings file."""
    return [
        *(sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py"), *more),
        *("-k", worker_class, "-w", str(workers), "-b", f"127.0.0.1:{port}", app),
    ]


def fanout_rooms(mode: str, *more: str) -> Command:
    """The application of `tests/support/fanout_rooms.py`."""

    def command(port: int) -> Sequence[str]:
        module = "tests.support.fanout_rooms"
        return [sys.executable, "-m", module, "--port", str(port), "--mode", mode, *more]

    return command


def gunicorn_rooms(worker_class: str, *more: str, **options: float) -> Command:
    """The same application, with these options of its class, under gunicorn: `eventlet`, `gevent` or `gthread`."""
    mode = "threading" if worker_class == "gthread" else worker_class
    arguments = ", ".join([repr(mode), *(f"{name}={value}" for name, value in options.items())])

    def command(port: int) -> Sequence[str]:
        return [
            *(sys.executable, "-m", "gunicorn", "-c", str(ROOT / "tests" / "support" / "fanout_gunicorn.py")),
            *("-k", worker_class, "-b", f"127.0.0.1:{port}", *more, f"tests.support.fanout_rooms:wsgi({arguments})"),
        ]

    return command


class ServerProcess:
    """One server; `restart` keeps its port and its data."""

    def __init__(
        self,
        data_dir: Path,
        *,
        command: Command = own_server,
        env: Mapping[str, str] | None = None,
        port: int = 0,
        awaits: str = "/api/ready",
        scheme: str = "http",
    ) -> None:
        """`awaits`: what must answer before the server counts as started; one that stands by is never ready."""
        self.port = port or free_port()
        self.data_dir = data_dir
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.log = data_dir / "server.log"
        self._command = command
        self._awaits = awaits
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exited(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal and do not wait for what comes of it."""
        os.kill(self.pid, number)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for it: for servers that refuse to start."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(self.port),
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self._process

    def start(self) -> ServerProcess:
        self.launch()
        wait_until(self._is_ready, START_SECONDS, lambda: f"the server did not come up:\n{self.log_text()[-4000:]}")
        return self

    def stop(self) -> int:
        """SIGTERM, and the exit code; SIGKILL and a failure when that takes too long."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what a crash or a machine out of memory does."""
        self._end(signal.SIGKILL)

    def restart(self) -> ServerProcess:
        self.stop()
        return self.start()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _end(self, number: int) -> int:
        process = self._process
        if process is None:
            return 0
        self._process = None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the server did not stop:\n{self.log_text()[-4000:]}") from None

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server exited with {self._process.returncode}:\n{self.log_text()[-4000:]}")
        if self.url.startswith("https:"):
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=2, context=trusting())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self._awaits)
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNCAST_")}
        own = {
            "RUNCAST_HOST": "127.0.0.1",
            "RUNCAST_PORT": str(self.port),
            "RUNCAST_DATA_DIR": str(self.data_dir),
            "RUNCAST_MAX_WORKERS": "2",
            "RUNCAST_WARM_WORKERS": "0",  # most servers of tests live for seconds
        }
        return inherited | own | self._env
