"""Nothing of an attempt is left: no process, descriptor or thread, and no secret in its child."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from api.execution.messages import Keep
from api.execution.remains import remains
from api.execution.spawn import spawn_worker
from api.ports import Ending
from api.runtime.choose import current_runtime
from tests.integration.attempts import Start, python
from tests.support.servers import ROOT
from tests.support.waiting import wait_until


@pytest.mark.parametrize("kind", ["group", "session"])
@pytest.mark.parametrize("command", ["nothing", "cancel"])
def test_children_of_the_task_go_with_it(start: Start, kind: str, command: str) -> None:
    """Those that ignore SIGTERM, and those that have made a session of their own; at its end and when cancelled."""
    running = start("test-children", {"kind": kind, "wait": command != "nothing"})
    running.until(lambda core: any(line.startswith("pids") for line in core.lines()))
    if command != "nothing":
        assert len(running.left()) == 3
        running.control.send(command)
    expected = Ending.COMPLETED if command == "nothing" else Ending.CANCELLED
    assert running.outcome().ending is expected
    assert not running.left()
    if command == "nothing":
        assert "killed 2 processes that the task had left running" in running.core.lines("runcast")[0]


def test_twenty_attempts_leave_no_descriptor_thread_or_zombie(start: Start) -> None:
    """Of several kinds of ending."""
    start("test-noop").outcome()
    before = open_descriptors(), threading.active_count()
    for _ in range(5):
        for kind in ("test-noop", "test-raise", "test-kill", "test-rubbish"):
            start(kind).outcome()
    wait_until(lambda: (open_descriptors(), threading.active_count()) <= before, 5)
    assert not zombies()


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def zombies() -> list[int]:
    """Dead children of this process that nobody has asked for."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == os.getpid():
            found.append(int(name))
    return found


def test_the_child_imports_no_server_library_and_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither eventlet nor Flask, SQLAlchemy or Socket.IO; none of the server's settings."""
    monkeypatch.setenv("RUNCAST_SECRET_KEY", "very secret")
    code = """
        import sys
        import api.worker, api.workloads.registry, api.workloads.inputs
        heavy = {"eventlet", "gevent", "flask", "sqlalchemy", "socketio", "engineio", "structlog", "prometheus_client"}
        print(sorted(heavy & sys.modules.keys()))
    """
    assert python(code).stdout.strip() == "[]"
    child = spawn_worker(current_runtime().selector)
    try:
        child.send(Keep().message())
        wait_until(lambda: child.read(child.reports))  # before that it may still be on its way into Python
        environment = Path(f"/proc/{child.pid}/environ").read_bytes()
        assert b"very secret" not in environment
        assert child.mark.encode() in environment
    finally:
        child.close()
        wait_until(lambda: child.exit_code() is not None)


def test_a_warm_worker_ends_when_its_server_lets_go(tmp_path: Path) -> None:
    """One that never got an assignment."""
    child = spawn_worker(current_runtime().selector)
    child.send(Keep(("test-noop", "no-such-type")).message())
    child.wait(10)
    assert child.read(child.reports) == b'{"say":"warm"}\n'
    child.close()
    wait_until(lambda: child.exit_code() is not None)


SERVER = """
    import pathlib, signal, sys, threading
    from api.execution.spawn import spawn_worker
    from api.execution.supervisor import LocalRunner
    from api.ports import Control
    from api.runtime.choose import current_runtime
    from tests.integration.attempts import Core, assignment

    folder, children = pathlib.Path(sys.argv[1]), []

    def spawn():
        children.append(spawn_worker(current_runtime().selector))
        return children[-1]

    runner = LocalRunner(current_runtime(), spawn)
    work = [
        ("test-burn", {"seconds": 3600}), ("test-stubborn", {"sleep": True}),
        ("test-children", {"kind": "session", "wait": True}), ("test-children", {"wait": True}),
    ]
    cores = []
    for kind, params in work:
        cores.append(Core())
        task = assignment(folder, kind, params)
        threading.Thread(target=runner.run, args=(task, cores[-1], Control()), daemon=True).start()
    ready = threading.Event()
    while sum(line.startswith(("deaf", "pids")) for core in cores for line in core.lines()) < 3:
        ready.wait(0.02)
    for child in children:
        print(child.pid, child.mark, flush=True)
    signal.pause()
"""


def test_a_server_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    """`kill -9`: its children end themselves and what they have started, also those that compute or are deaf."""
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert server.stdout is not None
    with server.stdout:
        marks = [server.stdout.readline().split() for _ in range(4)]
        sessions = [(int(pid), mark) for pid, mark in marks]
        assert all(remains(*session) for session in sessions)
        server.kill()
        server.wait(5)
    wait_until(lambda: not any(remains(*session) for session in sessions), 5)
