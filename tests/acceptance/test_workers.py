"""Worker processes that wait for tasks, and what a task may take of the machine."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.processes import child_pids, gone
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

MODES = ["eventlet", "gevent", "threading"]
TASKS = 40


def submit(server: ServerProcess, kind: str, **params: Any) -> str:
    answer = requests.post(f"{server.url}/api/tasks", json={"type": kind, "params": params}, timeout=10)
    return str(answer.json()["task_id"])


def ended(server: ServerProcess, task_id: str) -> dict[str, Any]:
    def task() -> dict[str, Any]:
        document: dict[str, Any] = requests.get(f"{server.url}/api/tasks/{task_id}", timeout=10).json()
        return document

    wait_until(lambda: task()["completed_at"], 30, lambda: str(task()))
    return task()


def log(server: ServerProcess, task_id: str) -> list[str]:
    events = requests.get(f"{server.url}/api/tasks/{task_id}/events?limit=1000", timeout=10).json()["events"]
    return [event["data"]["message"] for event in events if event["event_type"] == "log"]


@pytest.mark.parametrize("mode", MODES)
def test_a_task_finds_a_worker_that_waited_for_it(tmp_path: Path, mode: str) -> None:
    """Before there was any task; and the next one the same; and none that somebody has killed."""
    env = {"RUNCAST_WARM_WORKERS": "1", "RUNCAST_ASYNC_MODE": mode}
    with ServerProcess(tmp_path, env=env) as server:
        wait_until(
            lambda: "runcast_waiting_workers 1.0" in requests.get(f"{server.url}/api/metrics", timeout=10).text, 30
        )
        [waiting] = child_pids(server.pid)
        assert "numpy" in Path(f"/proc/{waiting}/maps").read_text()
        pids = [ended(server, submit(server, "test-look"))["result"]["pid"] for _ in range(2)]
        assert [waiting, waiting] == pids
        os.kill(waiting, signal.SIGKILL)
        assert waiting != ended(server, submit(server, "test-look"))["result"]["pid"]
    wait_until(lambda: gone(waiting))


@pytest.mark.parametrize("mode", MODES)
def test_many_short_tasks_share_a_few_workers(tmp_path: Path, mode: str) -> None:
    with ServerProcess(tmp_path, env={"RUNCAST_ASYNC_MODE": mode}) as server:
        body = {"tasks": [{"type": "test-look"}] * TASKS}
        ids = requests.post(f"{server.url}/api/batches", json=body, timeout=10).json()["task_ids"]
        results = [ended(server, task_id)["result"] for task_id in ids]
        assert len({result["pid"] for result in results}) == 2
        assert all(result["folder"] and not result["files"] for result in results)
        assert not list(tmp_path.glob("leases/*"))
        workers = child_pids(server.pid)
    wait_until(lambda: all(map(gone, workers)))


def test_one_worker_a_task_where_that_is_wished(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env={"RUNCAST_TASKS_PER_WORKER": "1"}) as server:
        pids = [ended(server, submit(server, "test-look"))["result"]["pid"] for _ in range(3)]
        assert 3 == len(set(pids))
        assert all(map(gone, pids))


def test_the_operator_bounds_what_a_task_takes(tmp_path: Path) -> None:
    env = {"RUNCAST_TASK_MEMORY_MB": "100", "RUNCAST_TASK_OPEN_FILES": "50", "RUNCAST_TASK_OUTPUT_MB": "1"}
    with ServerProcess(tmp_path, env=env) as server:
        assert "completed" == ended(server, submit(server, "test-take", memory_mb=20, files=10))["status"]
        assert "ran out of memory" in ended(server, submit(server, "test-take", memory_mb=400))["error"]
        assert "Too many open files" in ended(server, submit(server, "test-take", files=100))["error"]
        chatty = submit(server, "test-take", lines=110_000)  # of ten bytes each, with their ends
        assert "completed" == ended(server, chatty)["status"]
        assert "the log has reached its limit of 1,048,576 bytes: the rest is left out" in _last(server, chatty)


def _last(server: ServerProcess, task_id: str) -> list[str]:
    last = requests.get(f"{server.url}/api/tasks/{task_id}", timeout=10).json()["last_seq"]
    found: list[str] = []
    for since in range(max(0, last - 6000), last, 1000):
        url = f"{server.url}/api/tasks/{task_id}/events?since={since}&limit=1000"
        events = requests.get(url, timeout=10).json()["events"]
        found += [event["data"]["message"] for event in events if event["event_type"] == "log"]
    return found
