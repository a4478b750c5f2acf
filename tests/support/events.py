"""A Socket.IO client of `/tasks` that keeps everything it hears, and small REST helpers."""

from __future__ import annotations

import threading
from typing import Any

import requests
import socketio

from tests.support.waiting import wait_until

NAMESPACE = "/tasks"
Json = dict[str, Any]
TERMINAL = {"completed", "failed", "cancelled"}


class Listener:
    """One connection. `updates` has every `task_update` in the order it came, `others` all other messages."""

    def __init__(self, url: str, transports: list[str] | None = None, headers: dict[str, str] | None = None) -> None:
        self.updates: list[Json] = []
        self.others: list[tuple[str, Json]] = []
        self._lock = threading.Lock()
        self.sio = socketio.Client(reconnection=False, websocket_extra_options={"skip_utf8_validation": True})
        _handle_in_order(self.sio.eio)
        self.sio.on("task_update", self._update, namespace=NAMESPACE)
        self.sio.on("*", self._other, namespace=NAMESPACE)
        self.sio.connect(
            url,
            namespaces=[NAMESPACE],
            transports=transports or ["websocket"],
            headers=headers or {},
            wait_timeout=20,
        )

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sio.disconnect()

    def call(self, event: str, data: Any) -> Json:
        """Send and return the acknowledgement."""
        answer: Json = self.sio.call(event, data, namespace=NAMESPACE, timeout=10)
        return answer

    def subscribe(self, task_id: str, **options: Any) -> Json:
        return self.call("subscribe", {"task_id": task_id, **options})

    def of(self, task_id: str) -> list[Json]:
        with self._lock:
            return [update for update in self.updates if update["task_id"] == task_id]

    def named(self, name: str) -> list[Json]:
        with self._lock:
            return [message for event, message in self.others if event == name]

    def wait_for_end(self, task_id: str, timeout: float = 60) -> Json:
        """The terminal event of a task."""
        wait_until(lambda: any(map(ends, self.of(task_id))), timeout, lambda: f"no end in {self.of(task_id)[-3:]}")
        return next(update for update in self.of(task_id) if ends(update))

    def _update(self, envelope: Json) -> None:
        with self._lock:
            self.updates.append(envelope)

    def _other(self, event: str, data: Any = None) -> None:
        with self._lock:
            self.others.append((event, data))


def _handle_in_order(eio: Any) -> None:
    """python-engineio gives each message a thread of its own, and they overtake one another."""
    trigger = eio._trigger_event
    eio._trigger_event = lambda event, *args, run_async=False, **options: trigger(event, *args, **options)


def ends(envelope: Json) -> bool:
    return envelope["event_type"] == "error" or (
        envelope["event_type"] == "status_change" and envelope["data"]["status"] in TERMINAL
    )


def submit(url: str, task_type: str, params: Json | None = None, **options: Any) -> str:
    """Create a task; its id."""
    body = {"type": task_type, "params": params or {}, **options}
    answer = requests.post(f"{url}/api/tasks", json=body, timeout=10)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def task(url: str, task_id: str) -> Json:
    answer: Json = requests.get(f"{url}/api/tasks/{task_id}", timeout=10).json()
    return answer


def wait_for_status(url: str, task_id: str, *wanted: str, timeout: float = 60) -> Json:
    """The task once its status is one of these."""
    wait_until(lambda: task(url, task_id)["status"] in wanted, timeout, lambda: f"the task is {task(url, task_id)}")
    return task(url, task_id)


def history(url: str, task_id: str, since: int = 0) -> list[Json]:
    """Every stored event, page by page."""
    events: list[Json] = []
    while True:
        page = requests.get(f"{url}/api/tasks/{task_id}/events", params={"since": since}, timeout=10).json()
        events += page["events"]
        if not page["events"]:
            return events
        since = page["events"][-1]["seq"]


def seqs(envelopes: list[Json]) -> list[int]:
    return [envelope["seq"] for envelope in envelopes]
