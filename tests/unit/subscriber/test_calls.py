"""What a call to the server brings back: its answer, its refusal, or the news that no answer came."""

from __future__ import annotations

import pytest

from api.errors import APIError, ClientError, ConnectionLost
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.unit.subscriber.recorded import COMPLETED, RUNNING


def test_an_unknown_task_is_an_error_of_subscribe(client: TaskWebSocketClient) -> None:
    client.connect()
    with pytest.raises(APIError, match="no such task") as caught:
        client.subscribe("nowhere")
    assert (404, "not_found") == (caught.value.status, caught.value.problem["code"])
    with pytest.raises(TimeoutError):
        client.wait_for_completion(timeout=0)


def test_control_returns_the_servers_answer(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    task = server.task(RUNNING)
    client.connect()
    answer = client.control(task, "pause")
    assert ("pause", "running") == (answer["action"], answer["status"])
    assert ("control", {"task_id": task, "action": "pause"}) == server.requests[-1]


def test_a_refused_control_is_an_error(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.refusals["control"] = {"ok": False, "code": "conflict", "message": "a completed task cannot be paused"}
    client.connect()
    with pytest.raises(APIError, match="cannot be paused") as caught:
        client.control(server.task(COMPLETED), "pause")
    assert 409 == caught.value.status


def test_a_control_without_an_answer_does_not_pretend(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.silent.add("control")
    client.connect()
    with pytest.raises(ConnectionLost, match="did not answer"):
        client.control(server.task(RUNNING), "cancel", timeout=0.3)


def test_a_subscribe_without_an_answer_does_not_pretend(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.silent.add("subscribe")
    client.connect()
    with pytest.raises(ConnectionLost, match="did not answer"):
        client.subscribe(server.task(RUNNING), timeout=0.3)


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
def test_calls_before_connect_say_so(call: str) -> None:
    with pytest.raises(ClientError, match="connect"):
        getattr(TaskWebSocketClient(), call)("task")
