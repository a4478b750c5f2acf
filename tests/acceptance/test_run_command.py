"""`runcast run -- COMMAND`: any program here, watched there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests

from tests.support.events import history, task, wait_for_status
from tests.support.servers import ROOT, ServerProcess, free_port
from tests.support.waiting import wait_until

DEADLINE = 60.0
BARS = """
import sys, time
for step in range(1, 6):
    sys.stderr.write(f"\\rload: {step * 20:3d}%|##  | {step}/5 [00:01<00:02, 3it/s]"); sys.stderr.flush()
    print("line", step, flush=True)
    time.sleep(0.05)
sys.stderr.write("\\n")
"""


def command(url: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", "from api.cli import main; main()", "run", "--server", url, *arguments]


def run(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(server.url, *arguments), cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)


def task_of(said: str) -> str:
    """The id in the line that tells of it."""
    return said.partition("task ")[2].partition(",")[0]


def test_a_program_is_shown_as_it_runs_and_its_output_goes_where_it_always_did(server: ServerProcess) -> None:
    done = run(server, "--name", "bars", "--", sys.executable, "-c", BARS)
    assert (0, "".join(f"line {n}\n" for n in range(1, 6))) == (done.returncode, done.stdout)
    assert done.stderr.count("load: ") == 5
    task_id = task_of(done.stderr)
    ended = task(server.url, task_id)
    assert ("completed", "bars", {"exit_code": 0}) == (ended["status"], ended["name"], ended["result"])
    assert [sys.executable, "-c", BARS] == ended["params"]["command"]
    logs = [event["data"] for event in history(server.url, task_id) if event["event_type"] == "log"]
    assert [f"line {n}" for n in range(1, 6)] == [log["message"] for log in logs if log["logger"] == "stdout"]
    (bar,) = [log["message"] for log in logs if log["logger"] == "stderr"]  # rewritten in place: one line
    assert "5/5" in bar
    assert (5, 5) == (ended["current_iteration"], ended["max_iterations"])


@pytest.mark.parametrize(
    ("program", "code", "error"),
    [
        ("raise SystemExit(7)", 7, "ended with code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, "was ended by SIGKILL"),
    ],
)
def test_the_exit_code_is_the_programs(server: ServerProcess, program: str, code: int, error: str) -> None:
    done = run(server, "--", sys.executable, "-c", program)
    assert code == done.returncode
    ended = task(server.url, task_of(done.stderr))
    assert ("failed", f"{sys.executable} {error}") == (ended["status"], ended["error"])
    events = history(server.url, task_of(done.stderr))
    assert "traceback" not in events[-1]["data"]


def test_a_program_that_is_not_there_is_said_as_a_shell_says_it(server: ServerProcess) -> None:
    done = run(server, "--", "/no/such/program")
    assert (127, True) == (done.returncode, "No such file" in done.stderr)
    assert 126 == run(server, "--", str(ROOT)).returncode


def test_without_a_server_nothing_is_begun() -> None:
    line = command(f"http://127.0.0.1:{free_port()}", "--", "touch", "/never")
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE)
    assert (3, 1) == (done.returncode, len(done.stderr.splitlines()))


def started(url: str, *line: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        command(url, "--", *line), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    return process, task_of(process.stderr.readline())


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=DEADLINE)
    return process.returncode


def test_a_cancel_ends_the_program(server: ServerProcess) -> None:
    process, task_id = started(server.url, "sleep", "1000")
    requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10).raise_for_status()
    assert 2 == ended(process)
    wait_for_status(server.url, task_id, "cancelled")


def test_ctrl_c_ends_the_program_and_the_task(server: ServerProcess) -> None:
    process, task_id = started(server.url, "sleep", "1000")
    wait_until(lambda: "sleep" in _children(process.pid))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to both
    assert 130 == ended(process)
    wait_for_status(server.url, task_id, "cancelled")


def test_the_program_goes_on_without_the_server_and_nothing_is_lost(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    program = "import time\nfor n in range(40): print(n, flush=True); time.sleep(0.1)"
    process, task_id = started(server.url, sys.executable, "-c", program)
    time.sleep(0.5)
    server.kill()
    time.sleep(1.0)
    server.start()
    assert 0 == ended(process)
    ended_task = wait_for_status(server.url, task_id, "completed")
    said = [event["data"]["message"] for event in history(server.url, task_id) if event["event_type"] == "log"]
    assert [str(n) for n in range(40)] == said
    assert {"exit_code": 0} == ended_task["result"]


def _children(pid: int) -> Sequence[str]:
    """The names of its children: one that has not begun its program yet still has the name of this one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children]
