"""Whoever sends far too much is refused, then disconnected, and nobody else suffers: on every kind of socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import socketio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.events import submit
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

SECONDS = 30
EVENTS = 20_000
ROUNDS = 40
NAMESPACES = ["/tasks", "/realtime", "/"]
SOCKETS = ["/ws/realtime", "/ws/training/all", "/ws/task/{task}"]


@pytest.fixture(scope="module", params=["eventlet", "gevent", "threading"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("floods"), env={"RUNCAST_ASYNC_MODE": request.param}) as running:
        yield running


def client(server: ServerProcess, namespace: str) -> tuple[Any, threading.Event]:
    """A client, and whether it is gone."""
    made = socketio.Client(reconnection=False)
    gone = threading.Event()
    made.on("disconnect", lambda *reason: gone.set(), namespace=namespace)
    made.connect(server.url, namespaces=[namespace], transports=["websocket"], wait_timeout=SECONDS)
    return made, gone


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_flood_of_events_is_refused_then_ended(server: ServerProcess, namespace: str) -> None:
    """What takes long holds its sender back by itself, so these are events that there are not."""
    flooding, gone = client(server, namespace)
    other, lost = client(server, "/tasks")

    def flood(count: int) -> None:
        with suppress(socketio.exceptions.SocketIOError):
            for _ in range(count):
                flooding.emit("nonsense", {}, namespace=namespace)

    def answer() -> str:
        code: str = flooding.call("nonsense", {}, namespace=namespace, timeout=SECONDS)["code"]
        return code

    try:
        assert "unknown_event" == answer()
        for _ in range(ROUNDS):
            flood(500)
            if answer() == "too_many":
                break
        else:
            raise AssertionError(f"{ROUNDS * 500} events at once were too few to be too many")
        flood(EVENTS)
        assert gone.wait(SECONDS)
        assert not lost.is_set()
        assert other.call("unsubscribe", {"task_id": "-"}, namespace="/tasks", timeout=SECONDS)["ok"]
    finally:
        flooding.disconnect()
        other.disconnect()


def address(server: ServerProcess, path: str) -> str:
    task = submit(server.url, "test-steps", {"n": 1, "delay": 60}) if "{task}" in path else ""
    return server.url.replace("http", "ws") + path.format(task=task)


def to_the_end(opened: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """Every message that is left, and the code and reason of the close."""
    messages = []
    while True:
        try:
            messages.append(json.loads(opened.recv(SECONDS)))
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            return messages, closed.rcvd.code, closed.rcvd.reason


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(
    ("sent", "code"),
    [("x" * 65_537, 1009), (["x" * 30_000] * 3, 1009), (b"\x00\x01", 1003), ("é" * 40_000, 1009)],
    ids=["large", "fragments", "binary", "large in bytes"],
)
def test_what_is_too_large_or_no_text_ends_the_connection(
    server: ServerProcess, path: str, sent: Any, code: int
) -> None:
    with connect(address(server, path), open_timeout=SECONDS) as opened:
        opened.send(sent)
        assert code == to_the_end(opened)[1]
    assert requests.get(f"{server.url}/api/health", timeout=10).ok


def test_a_flood_of_requests_for_topics_is_ended_and_forgotten(server: ServerProcess) -> None:
    def listeners() -> int:
        counted = requests.get(f"{server.url}/api/ws/stats", timeout=10).json()["subscriptions"]["topics"]
        return sum(counted.values())

    with connect(address(server, "/ws/realtime"), open_timeout=SECONDS) as opened:
        with suppress(ConnectionClosed):
            for number in range(EVENTS):
                opened.send(json.dumps({"action": ("subscribe", "unsubscribe")[number % 2], "topic": "logs"}))
        messages, code, reason = to_the_end(opened)
    assert (1008, "too many messages") == (code, reason)
    assert "error" in {message["type"] for message in messages}
    wait_until(lambda: listeners() == 0, SECONDS)
