"""`runcast demo`, as `make demo` runs it: through a pipe, in a terminal, and when something is in the way."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.ports import free_port
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

COMMAND = [sys.executable, "-c", "from api.cli import main; main()", "demo"]
DEADLINE = 100.0


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNCAST_")}
    return {**inherited, "RUNCAST_DATA_DIR": str(data_dir), "TERM": "xterm-256color", **settings}


def demo(data_dir: Path, folder: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND,
        cwd=folder,
        env={**environment(data_dir, **settings), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_through_a_pipe_it_prints_lines_and_ends_with_the_task(tmp_path: Path) -> None:
    """From any folder; every event is one line, then the final metrics, the pictures, the page."""
    port, data = free_port(), tmp_path / "data"
    done = demo(data, folder=tmp_path, RUNCAST_PORT=str(port))
    assert (0, "") == (done.returncode, done.stderr)
    lines = done.stdout.splitlines()
    events = [re.search(r" #(\d+) (\w+)", line) for line in lines]
    numbers = [int(found[1]) for found in events if found]
    assert list(range(1, len(numbers) + 1)) == numbers
    assert {"status_change", "progress", "iteration_complete", "log"} == {found[2] for found in events if found}
    assert "\x1b" not in done.stdout
    assert re.search(r"max_temp +[\d.]+ +°C", done.stdout)
    folder = Path(next(line for line in lines if line.startswith("pictures")).split(maxsplit=1)[1])
    assert {"convergence.png", "layout.png", "temperatures.png"} <= {file.name for file in folder.iterdir()}
    assert folder.is_relative_to(data)
    assert any(line.startswith(f"page     http://127.0.0.1:{port}/tasks/") for line in lines)
    assert "server stopped" == lines[-1]
    assert not listens(port)


def test_a_taken_port_is_said_and_passed_over(tmp_path: Path) -> None:
    """The task runs on the next one; it need not be waited for here."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = environment(tmp_path, RUNCAST_PORT=str(port))
        with subprocess.Popen(COMMAND, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True) as begun:
            assert begun.stdout is not None
            said = re.match(rf"port {port} is taken, using (\d+)\n", begun.stdout.readline())
            assert said
            assert any(f"page http://127.0.0.1:{said[1]}/tasks/" in line for line in begun.stdout)
            begun.send_signal(signal.SIGINT)
            begun.communicate(timeout=DEADLINE)
    assert 130 == begun.returncode
    assert not listens(int(said[1]))


def test_a_server_that_cannot_start_is_told_by_its_own_words(tmp_path: Path) -> None:
    done = demo(tmp_path, RUNCAST_PORT=str(free_port()), RUNCAST_MAX_WORKERS="none")
    assert 1 == done.returncode
    assert "RUNCAST_MAX_WORKERS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["five", "70000", "-1"])
def test_a_port_that_is_none_is_wrong_use(tmp_path: Path, port: str) -> None:
    done = demo(tmp_path, RUNCAST_PORT=port)
    assert (64, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "RUNCAST_PORT" in done.stderr


class Terminal:
    """The command in a terminal of its own, and what it has written there."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.execve(COMMAND[0], COMMAND, environment(data_dir, RUNCAST_PORT=str(port)))
        self.text = ""

    def read_until(self, what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while what not in self.text:
            ready, _, _ = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{what!r} has not been shown:\n{self.text[-2000:]}"
            self.text += os.read(self._end, 65536).decode("utf-8", "replace")

    def press_ctrl_c(self) -> None:
        os.write(self._end, b"\x03")

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def terminal(tmp_path: Path, port: int) -> Iterator[Terminal]:
    opened = Terminal(tmp_path, port)
    yield opened
    opened.close()
    wait_until(lambda: not listens(port), 30)


def test_in_a_terminal_it_draws_and_leaves_the_server_up_until_ctrl_c(terminal: Terminal, port: int) -> None:
    terminal.read_until("until you press Ctrl-C")
    for part in ("▶ running", "✓ completed", "ETA", "max_temp", "°C", "pictures /"):
        assert part in terminal.text
    assert requests.get(f"http://127.0.0.1:{port}/api/ready", timeout=10).ok
    terminal.press_ctrl_c()
    terminal.read_until("server stopped")
    assert 0 == terminal.exit_code()
    assert not listens(port)


def test_ctrl_c_while_it_runs_stops_the_server_too(terminal: Terminal, port: int) -> None:
    terminal.read_until("generation 2")
    terminal.press_ctrl_c()
    terminal.read_until("server stopped")
    assert 130 == terminal.exit_code()
    assert "Traceback" not in terminal.text
    assert not listens(port)


def test_a_terminal_that_is_closed_leaves_no_server_behind(terminal: Terminal, port: int) -> None:
    terminal.read_until("generation 1")
    os.kill(terminal.pid, signal.SIGHUP)
    assert 129 == terminal.exit_code()
    assert not listens(port)
