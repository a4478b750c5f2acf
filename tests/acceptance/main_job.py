"""The main job as a user's program does it: submit the example's optimisation, watch it, get its result."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import requests
import socketio

JOB = {
    "type": "optimization",
    "params": {"bom_file": "config/bom_example.json", "max_iterations": 2, "population_size": 8},
}
"""Two generations of eight: the way is the same as that of a long one."""
SECONDS = 60

Envelope = dict[str, Any]


def submit(url: str, body: dict[str, Any] | None = None) -> str:
    """The id of a new task."""
    answer = requests.post(f"{url}/api/tasks", json=body or JOB, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def terminal(event: Envelope) -> bool:
    return event["data"].get("status") in ("completed", "failed", "cancelled")


class Watcher:
    """A Socket.IO client that follows one task from its first event; nothing is hidden by reconnecting."""

    def __init__(self, url: str, transport: str) -> None:
        self.events: list[Envelope] = []
        self.greeting: dict[str, Any] = {}
        self._ended = threading.Event()
        self._greeted = threading.Event()
        self._client = socketio.Client(reconnection=False)
        self._client.on("connected", self._greet, namespace="/tasks")
        self._client.on("task_update", self._take, namespace="/tasks")
        self._client.connect(url, namespaces=["/tasks"], transports=[transport], wait_timeout=10)
        assert self._greeted.wait(10), "the server did not greet"
        assert self._client.transport() == transport

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()

    def follow(self, task_id: str) -> list[Envelope]:
        """Every event of the task, in the order of arrival, up to its end."""
        answer = self._client.call("subscribe", {"task_id": task_id, "since": 0}, namespace="/tasks", timeout=10)
        assert answer["ok"], answer
        assert self._ended.wait(SECONDS), f"no end after {SECONDS} s: {self.events[-3:]}"
        return self.events

    def _greet(self, greeting: dict[str, Any]) -> None:
        self.greeting = greeting
        self._greeted.set()

    def _take(self, event: Envelope) -> None:
        self.events.append(event)
        if terminal(event):
            self._ended.set()


def follow(url: str, task_id: str, transport: str) -> list[Envelope]:
    with Watcher(url, transport) as watcher:
        return watcher.follow(task_id)


def stream(url: str, task_id: str, **options: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The (name, data) of each Server-Sent Event as it arrives, until the server closes."""
    with requests.get(
        f"{url}/api/tasks/{task_id}/stream", params={"since": 0}, stream=True, timeout=30, **options
    ) as r:
        assert r.status_code == 200, r.text
        name = ""
        for line in r.iter_lines(chunk_size=1, decode_unicode=True):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def assert_whole(events: list[Envelope]) -> None:
    """Every event once and in order, from `pending` to the completed optimisation with its metrics."""
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
    assert events[0]["data"]["status"] == "pending"
    last = events[-1]["data"]
    assert last["status"] == "completed", last
    assert last["result"]["final_iteration"] == 2
    iterations = [event["data"] for event in events if event["event_type"] == "iteration_complete"]
    assert [each["iteration"] for each in iterations] == [1, 2]
    assert all({"max_temp", "min_clearance"} <= each["metrics"].keys() for each in iterations)
