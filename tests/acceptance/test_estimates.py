"""When a task will start and end, as a client is told: by earlier runs and by the queue."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from api.domain.lifecycle import Status
from tests.support.events import submit, task, wait_for_status
from tests.support.journals import add_tasks
from tests.support.servers import ROOT, ServerProcess
from tests.support.stores import START, a_task

MAIN = "from api.cli import main; main()"
HOUR = timedelta(hours=1)
FIELDS = ("expected_seconds", "expected_from", "estimated_start_at", "estimated_end_at")


def server_with_hours(start_server: Callable[..., ServerProcess], tmp_path: Path, **env: str) -> ServerProcess:
    """A server with one worker, in whose journal tasks of the type `test-burn` took an hour."""
    usual = {"type": "test-burn", "status": Status.COMPLETED, "completed_at": START, "worked_seconds": 3600.0}
    add_tasks(tmp_path / "data" / "runcast.db", *(a_task(number, **usual) for number in range(3)))
    return start_server(env={"RUNCAST_MAX_WORKERS": "1", **env})


def burn(server: ServerProcess) -> str:
    """A task that runs until the end of the test, and says nothing of how far it is."""
    return submit(server.url, "test-burn", {"seconds": 600})


def at(resource: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(resource[name])


def test_a_task_is_expected_to_take_as_long_as_the_last_one_like_it(server: ServerProcess) -> None:
    """A real one, whose time is measured."""
    first = submit(server.url, "test-burn", {"seconds": 0.3})
    assert task(server.url, first)["expected_seconds"] is None
    ended = wait_for_status(server.url, first, "completed")
    assert [ended[name] for name in FIELDS] == [None] * 4
    held_back = {"type": "test-burn", "params": {"seconds": 0.3}, "run_at": (datetime.now(UTC) + HOUR).isoformat()}
    second = requests.post(f"{server.url}/api/tasks", json=held_back, timeout=10).json()["task_id"]
    waiting = task(server.url, second)
    took = (at(ended, "completed_at") - at(ended, "started_at")).total_seconds()
    assert took == waiting["expected_seconds"] >= 0.3
    assert "size" == waiting["expected_from"]
    assert at(waiting, "estimated_end_at") - at(waiting, "estimated_start_at") == timedelta(seconds=took)


def test_those_that_wait_are_told_when_their_turn_comes(start_server, tmp_path: Path) -> None:
    server = server_with_hours(start_server, tmp_path)
    running, second, third = burn(server), burn(server), burn(server)
    now = wait_for_status(server.url, running, "running")
    assert (3600.0, "type", None) == tuple(now[name] for name in FIELDS[:3])
    assert at(now, "estimated_end_at") == at(now, "started_at") + HOUR
    waiting = [task(server.url, each) for each in (second, third)]
    assert [1, 2] == [each["queue_position"] for each in waiting]
    for hours, each in enumerate(waiting, 1):
        assert at(each, "estimated_start_at") == at(now, "started_at") + hours * HOUR
        assert at(each, "estimated_end_at") == at(now, "started_at") + (hours + 1) * HOUR
    listed = requests.get(f"{server.url}/api/tasks", params={"limit": 3}, timeout=10).json()["tasks"]
    assert [[each[name] for name in FIELDS] for each in (*waiting[::-1], now)] == [
        [each[name] for name in FIELDS] for each in listed
    ]


def test_a_limit_by_type_is_reckoned_with(start_server, tmp_path: Path) -> None:
    server = server_with_hours(
        start_server, tmp_path, RUNCAST_MAX_WORKERS="3", RUNCAST_TYPE_LIMITS="test-burn=1,test-noop=1"
    )
    running, second = burn(server), burn(server)
    now = wait_for_status(server.url, running, "running")
    assert at(task(server.url, second), "estimated_start_at") == at(now, "started_at") + HOUR


def test_what_cannot_be_known_is_null(start_server) -> None:
    """Nothing of this type has run before."""
    server = start_server(env={"RUNCAST_MAX_WORKERS": "1"})
    running, waiting = burn(server), burn(server)
    wait_for_status(server.url, running, "running")
    assert 1 == task(server.url, waiting)["queue_position"]
    for each in (running, waiting):
        assert [None] * 4 == [task(server.url, each)[name] for name in FIELDS]


def test_the_terminal_says_place_and_time(start_server, tmp_path: Path) -> None:
    server = server_with_hours(start_server, tmp_path)
    running, waiting = burn(server), burn(server)
    wait_for_status(server.url, running, "running")
    place = r"1st in the queue, starts in about (60 min|59 min), usually takes about 60 min"
    left = r"about (60|59) min left, by earlier runs"
    lines = runcast(server, "list").stdout.splitlines()
    assert re.fullmatch(place, lines[0].split("\t")[-1])
    assert re.fullmatch(left, lines[1].split("\t")[-1])
    assert re.search(f"^expected\t{place}$", runcast(server, "show", waiting).stdout, re.MULTILINE)
    watching = watch(server, waiting)
    try:
        assert watching.stderr is not None
        said = iter(watching.stderr.readline, "")
        assert any(re.fullmatch(f"# {place}\n", line) for line in said)
        requests.post(f"{server.url}/api/tasks/{running}/cancel", timeout=10)
        assert any(re.fullmatch(f"# {left}\n", line) for line in said)
        requests.post(f"{server.url}/api/tasks/{waiting}/cancel", timeout=10)
        assert watching.wait(60) == 2
    finally:
        watching.kill()
        watching.communicate()


def watch(server: ServerProcess, task_id: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", MAIN, "watch", task_id, "--server", server.url]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runcast(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", MAIN, *arguments, "--server", server.url]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
