"""A thousand tasks submitted at once: each is accepted once, all run in their order, the server stays responsive."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from api.domain.task import PRIORITY_SECONDS
from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess

TASKS = 1000
CLIENTS = 20
ANSWER_SECONDS = 1.0


@pytest.mark.long
def test_a_thousand_tasks_submitted_at_once(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    holders = [submit(server.url, "test-steps", {"n": 1, "delay": 600}) for _ in range(2)]
    for holder in holders:
        wait_for_status(server.url, holder, "running")
    chance = random.Random(38)
    priorities = [chance.randint(-3, 3) for _ in range(TASKS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        ids = list(clients.map(lambda priority: _submit(server, priority), priorities))
    assert TASKS == len(set(ids))
    waiting = list(_tasks(server, status="pending"))
    assert set(ids) == {task["id"] for task in waiting}
    due = sorted(waiting, key=_urgency)
    assert [1, 2, TASKS] == [_task(server, due[place - 1]["id"])["queue_position"] for place in (1, 2, TASKS)]
    for holder in holders:
        requests.post(f"{server.url}/api/tasks/{holder}/cancel", timeout=10)
    slowest = 0.0
    while _total(server, "completed") < TASKS:
        for path in ("/", "/api/health", "/api/tasks?limit=50"):
            begun = time.monotonic()
            assert 200 == requests.get(server.url + path, timeout=10).status_code
            slowest = max(slowest, time.monotonic() - begun)
        time.sleep(0.05)
    assert slowest < ANSWER_SECONDS
    done = sorted(_tasks(server, status="completed"), key=lambda task: (task["started_at"], _urgency(task)))
    assert [task["id"] for task in due] == [task["id"] for task in done]
    assert {1} == {task["attempt"] for task in done}


def _submit(server: ServerProcess, priority: int) -> str:
    body = {"type": "test-noop", "priority": priority}
    answer = requests.post(f"{server.url}/api/tasks", json=body, timeout=60)
    assert 201 == answer.status_code, answer.text
    return str(answer.json()["id"])


def _task(server: ServerProcess, task_id: str) -> dict[str, Any]:
    document: dict[str, Any] = requests.get(f"{server.url}/api/tasks/{task_id}", timeout=10).json()
    return document


def _tasks(server: ServerProcess, **where: str) -> Iterator[dict[str, Any]]:
    query: dict[str, str] | None = {**where, "type": "test-noop", "limit": "200"}
    while query:
        page = requests.get(f"{server.url}/api/tasks", params=query, timeout=10).json()
        yield from page["tasks"]
        query = {**query, "cursor": page["next_cursor"]} if page["next_cursor"] else None


def _total(server: ServerProcess, status: str) -> int:
    query = {"status": status, "type": "test-noop", "limit": "1"}
    return int(requests.get(f"{server.url}/api/tasks", params=query, timeout=10).json()["total"])


def _urgency(task: dict[str, Any]) -> tuple[datetime, str]:
    created = datetime.fromisoformat(task["created_at"])
    return created - task["priority"] * timedelta(seconds=PRIORITY_SECONDS), task["id"]
