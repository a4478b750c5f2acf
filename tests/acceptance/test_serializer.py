"""`RUNCAST_SERIALIZER=msgpack`: our clients find out, others are told cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
import requests
import socketio

from api.websocket_client import AsyncTaskClient, TaskWebSocketClient
from tests.support.events import NAMESPACE, history, submit
from tests.support.servers import ServerProcess, gunicorn

NewClient = Callable[[str], TaskWebSocketClient]


@pytest.fixture(scope="module", params=["eventlet", "gevent", "threading", "gunicorn"])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_SERIALIZER": "msgpack"}
    options = {"command": gunicorn} if request.param == "gunicorn" else {}
    if not options:
        env["RUNCAST_ASYNC_MODE"] = request.param
    with ServerProcess(tmp_path_factory.mktemp("data"), env=env, **options) as running:
        yield running


def test_a_task_is_followed_by_the_clients_that_know_nothing_of_it(
    packed: ServerProcess, new_client: NewClient
) -> None:
    task = submit(packed.url, "test-steps", {"n": 5, "delay": 0.05, "label": "Grüße 🛰️"})
    heard: list[object] = []
    client = new_client(packed.url)
    client.on_event = lambda _task_id, envelope: heard.append(envelope)
    client.connect()
    client.subscribe(task, since=0)
    assert "completed" == client.wait_for_completion(30)
    assert history(packed.url, task) == heard

    async def watched() -> list[object]:
        async with AsyncTaskClient(packed.url) as watching:
            return [event async for event in watching.watch(task, since=0)]

    assert heard == asyncio.run(watched())


def test_the_clients_follow_a_server_that_comes_back_with_the_other_serializer(
    start_server: Callable[..., ServerProcess], new_client: NewClient
) -> None:
    server = start_server()
    task = submit(server.url, "external")
    client = new_client(server.url)
    heard: list[int] = []
    client.on_event = lambda _task_id, envelope: heard.append(envelope["seq"])
    client.connect()
    client.subscribe(task, since=0)
    for serializer in ("msgpack", "json"):
        server._env["RUNCAST_SERIALIZER"] = serializer
        server.restart()
        done = {"status": "completed"} if serializer == "json" else {"status": "running", "message": "on"}
        event = [{"event_type": "status_change", "data": done}]
        requests.post(f"{server.url}/api/tasks/{task}/events", json=event, timeout=10).raise_for_status()
    assert "completed" == client.wait_for_completion(60)
    assert [1, 2, 3] == heard


def test_the_librarys_own_client_speaks_it_by_websocket_only(packed: ServerProcess) -> None:
    task = submit(packed.url, "test-noop")
    client = socketio.Client(serializer="msgpack", reconnection=False)
    client.connect(packed.url, namespaces=[NAMESPACE], transports=["websocket"])
    answer = client.call("subscribe", {"task_id": task, "since": 0}, namespace=NAMESPACE, timeout=10)
    assert (True, task) == (answer["ok"], answer["task"]["id"])
    refused = client.call("report", {"task_id": task, "event_type": "log", "data": {"x": b"y"}}, namespace=NAMESPACE)
    assert (False, True) == (refused["ok"], refused["code"] in ("conflict", "invalid_input"))
    client.disconnect()
    poll = requests.get(f"{packed.url}/socket.io/?EIO=4&transport=polling", timeout=10)
    assert 400 == poll.status_code
    assert "msgpack" == requests.get(f"{packed.url}/api/health", timeout=10).json()["serializer"]
    assert "Traceback" not in packed.log_text()
