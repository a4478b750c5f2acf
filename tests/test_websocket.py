"""The WebSocket client's dispatch: which callback an envelope reaches, and what it takes to reach it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from api.websocket_client import TaskWebSocketClient

Json = dict[str, Any]
TASK = "6f1c2a3e-0000-4000-8000-000000000001"

EVENTS = [
    ("status_change", {"status": "running", "message": "started", "attempt": 1}),
    ("progress", {"current_iteration": 3, "max_iterations": 20, "progress_percent": 15.0}),
    ("iteration_complete", {"iteration": 3, "metrics": {"max_temp": 41.5, "min_clearance": 5.0}}),
    ("log", {"level": "info", "message": "hello"}),
    ("error", {"status": "failed", "error": "out of range"}),
]


def envelope(event_type: str, data: Json, seq: int | None = None, task_id: str = TASK) -> Json:
    made = {"task_id": task_id, "event_type": event_type, "data": data, "timestamp": "2026-01-01T00:00:00.000000Z"}
    return made if seq is None else {**made, "seq": seq}


def progress(seq: int | None = None, task_id: str = TASK) -> Json:
    return envelope("progress", {"progress_percent": 10.0}, seq, task_id)


def status(value: str, seq: int | None = None, task_id: str = TASK) -> Json:
    return envelope("status_change", {"status": value}, seq, task_id)


@pytest.fixture
def client() -> TaskWebSocketClient:
    return TaskWebSocketClient()


def test_a_new_client_is_not_connected_and_has_no_callbacks() -> None:
    client = TaskWebSocketClient("http://example.test:1234/")
    assert ("http://example.test:1234", False) == (client.server_url, client.connected)
    callbacks = ("on_status_change", "on_progress", "on_iteration_complete", "on_log", "on_error")
    assert [None] * 5 == [getattr(client, name) for name in callbacks]
    assert client.sio is not None


def test_the_default_server_is_the_local_one(client: TaskWebSocketClient) -> None:
    assert "http://localhost:5000" == client.server_url


@pytest.mark.parametrize("seq", [None, 7])
@pytest.mark.parametrize(("event_type", "data"), EVENTS)
def test_an_envelope_reaches_the_callback_of_its_type_and_no_other(
    client: TaskWebSocketClient, event_type: str, data: Json, seq: int | None
) -> None:
    """With a number and, as older servers send it, without one."""
    reached: list[tuple[str, str, Json]] = []
    for name, _ in EVENTS:
        setattr(client, f"on_{name}", lambda task_id, data, name=name: reached.append((name, task_id, data)))
    client._on_task_update(envelope(event_type, data, seq))
    assert [(event_type, TASK, data)] == reached


@pytest.mark.parametrize(("event_type", "data"), EVENTS)
def test_without_callbacks_nothing_happens(client: TaskWebSocketClient, event_type: str, data: Json) -> None:
    client._on_task_update(envelope(event_type, data, 1))
    assert ({TASK: "failed"} if event_type == "error" else {}) == client.statuses


def test_on_event_gets_every_envelope_whole(client: TaskWebSocketClient) -> None:
    seen: list[Json] = []
    client.on_event = lambda task_id, whole: seen.append(whole)
    sent = [envelope(kind, data, seq) for seq, (kind, data) in enumerate(EVENTS, start=1)]
    for one in sent:
        client._on_task_update(one)
    assert sent == seen


def test_a_duplicate_is_dispatched_once(client: TaskWebSocketClient) -> None:
    seen: list[Json] = []
    client.on_event = lambda task_id, whole: seen.append(whole["seq"])
    for seq in (1, 2, 2, 1, 3):
        client._on_task_update(progress(seq))
    assert [1, 2, 3] == seen


def test_tasks_are_counted_apart(client: TaskWebSocketClient) -> None:
    seen: list[tuple[str, int]] = []
    client.on_event = lambda task_id, whole: seen.append((task_id, whole["seq"]))
    for task_id, seq in (("a", 1), ("b", 1), ("a", 1), ("b", 2)):
        client._on_task_update(progress(seq, task_id))
    assert [("a", 1), ("b", 1), ("b", 2)] == seen


def test_envelopes_without_a_number_are_never_taken_for_duplicates(client: TaskWebSocketClient) -> None:
    seen: list[Json] = []
    client.on_progress = lambda task_id, data: seen.append(data)
    client._on_task_update(progress())
    client._on_task_update(progress())
    assert 2 == len(seen)


def test_an_unknown_type_reaches_on_event_alone(client: TaskWebSocketClient) -> None:
    """A newer server may send more types than this client knows."""
    seen: list[str] = []
    client.on_log = lambda task_id, data: seen.append("log")
    client.on_event = lambda task_id, whole: seen.append(whole["event_type"])
    client._on_task_update(envelope("checkpoint_saved", {}, 1))
    client._on_task_update(envelope("log", {"message": "x"}, 2))
    assert ["checkpoint_saved", "log", "log"] == seen


def test_a_callback_that_raises_is_logged_and_the_stream_goes_on(
    client: TaskWebSocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(task_id: str, data: Json) -> None:
        raise ValueError("mistake in the callback")

    seen: list[str] = []
    client.on_progress = broken
    client.on_status_change = lambda task_id, data: seen.append(data["status"])
    with caplog.at_level(logging.ERROR, logger="runcast.client"):
        client._on_task_update(progress(1))
        client._on_task_update(status("completed", 2))
    assert ["completed"] == seen
    assert "mistake in the callback" in caplog.text
    assert "completed" == client.wait_for_completion(timeout=0)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (status("completed", 2), "completed"),
        (status("cancelled", 2), "cancelled"),
        (envelope("error", {"error": "boom"}, 2), "failed"),
        (status("completed"), "completed"),
    ],
)
def test_a_terminal_event_ends_the_wait(client: TaskWebSocketClient, last: Json, outcome: str) -> None:
    client._on_task_update(status("running", 1))
    client._on_task_update(last)
    assert outcome == client.wait_for_completion(timeout=0)


@pytest.mark.parametrize(
    "going_on",
    [
        status("running", 1),
        status("paused", 1),
        envelope("progress", {"progress_percent": 100.0}, 1),
        envelope("status_change", {"status": "pending", "error": "try again", "retry_at": "…"}, 1),
    ],
)
def test_nothing_but_a_terminal_event_ends_the_wait(client: TaskWebSocketClient, going_on: Json) -> None:
    client._on_task_update(going_on)
    with pytest.raises(TimeoutError):
        client.wait_for_completion(timeout=0)


def test_what_comes_after_the_end_is_not_dispatched(client: TaskWebSocketClient) -> None:
    seen: list[Json] = []
    client._on_task_update(status("completed", 1))
    client.on_event = lambda task_id, whole: seen.append(whole)
    client._on_task_update(progress(2))
    assert [] == seen


def test_of_several_tasks_the_worst_end_is_reported(client: TaskWebSocketClient) -> None:
    client._on_task_update(status("completed", 1, "a"))
    client._on_task_update(envelope("error", {"error": "boom"}, 1, "b"))
    client._on_task_update(status("cancelled", 1, "c"))
    assert "failed" == client.wait_for_completion(timeout=0)
    assert {"a": "completed", "b": "failed", "c": "cancelled"} == client.statuses
