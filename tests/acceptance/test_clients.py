"""The Python clients against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.client import APIClient
from api.errors import APIError, ConnectionLost
from api.websocket_client import AsyncTaskClient, TaskWebSocketClient
from tests.support.nginx import NginxProcess
from tests.support.servers import ServerProcess
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire

Json = dict[str, Any]
NewClient = Callable[[str], TaskWebSocketClient]
DEADLINE = 60.0


def submit(server: ServerProcess, type: str, **params: Any) -> str:
    with APIClient(server.url) as client:
        return str(client.create_task(type=type, params=params)["task_id"])


def history(server: ServerProcess, task_id: str) -> list[Json]:
    with APIClient(server.url) as client:
        return list(client.events(task_id))


def recorded(client: TaskWebSocketClient) -> dict[str, list[Json]]:
    seen: dict[str, list[Json]] = {}
    client.on_event = lambda task_id, envelope: seen.setdefault(task_id, []).append(envelope)
    return seen


def progress(events: Sequence[Json]) -> int:
    return max(int(event["data"].get("current_iteration", 0)) for event in tuple(events))


def test_an_optimisation_from_submit_to_picture(server: ServerProcess, tmp_path: Path) -> None:
    """What the README shows, with nothing but the REST client."""
    with APIClient(server.url) as client:
        assert client.health_check()["status"] == "ok"
        assert client.validate_bom("config/bom_example.json")["valid"]
        created = client.create_task("config/bom_example.json", max_iterations=3, convergence_threshold=0.0)
        task_id = created["task_id"]
        ended = client.wait_for_task(task_id, poll_interval=0.1, timeout=DEADLINE)
        assert ("completed", 3) == (ended["status"], ended["current_iteration"])
        result = client.get_task_result(task_id)
        assert {"max_temp", "min_clearance"} <= set(ended["metrics"])
        assert 3 == len(result["evolution"])
        assert task_id in [task["task_id"] for task in client.list_tasks(status="completed")["tasks"]]
        assert result["experiment_dir"] == client.get_latest_experiment()["path"]
        picture = client.download_visualization(task_id, "convergence.png", tmp_path / "convergence.png")
        events = list(client.events(task_id))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert list(range(1, ended["last_seq"] + 1)) == [event["seq"] for event in events]


def test_run_optimization_does_it_in_one_call(server: ServerProcess) -> None:
    with APIClient(server.url) as client:
        result = client.run_optimization(
            "config/bom_example.json", max_iterations=2, poll_interval=0.1, timeout=DEADLINE
        )
    assert result["summary"]


def test_a_bom_that_the_server_does_not_have_is_refused_with_its_name(server: ServerProcess) -> None:
    with APIClient(server.url) as client, pytest.raises(APIError) as caught:
        client.run_optimization("config/nowhere.json", poll_interval=0.1, timeout=DEADLINE)
    assert (422, "bom_file") == (caught.value.status, caught.value.problem["errors"][0]["loc"][-1])


def test_a_wrong_transition_is_a_conflict(server: ServerProcess) -> None:
    with APIClient(server.url) as client:
        task_id = client.create_task(type="test-noop")["task_id"]
        client.wait_for_task(task_id, poll_interval=0.05, timeout=DEADLINE)
        with pytest.raises(APIError) as caught:
            client.pause(task_id)
    assert 409 == caught.value.status


def test_two_tasks_at_once_are_followed_whole(server: ServerProcess, new_client: NewClient) -> None:
    client = new_client(server.url)
    seen = recorded(client)
    client.connect()
    tasks = [submit(server, "test-steps", n=20, delay=0.02, label=label) for label in ("one", "two")]
    for task in tasks:
        client.subscribe(task, since=0)
    assert "completed" == client.wait_for_completion(DEADLINE)
    client.disconnect()
    assert {task: history(server, task) for task in tasks} == seen


def test_the_subscriber_of_one_task_never_sees_another(server: ServerProcess, new_client: NewClient) -> None:
    """Both run at the same time, each with a client of its own."""
    clients = [new_client(server.url) for _ in range(2)]
    seen = [recorded(client) for client in clients]
    tasks = [submit(server, "test-steps", n=30, delay=0.02) for _ in clients]
    for client, task in zip(clients, tasks, strict=True):
        client.connect()
        client.subscribe(task, since=0)
    assert ["completed", "completed"] == [client.wait_for_completion(DEADLINE) for client in clients]
    for client in clients:
        client.disconnect()
    assert [{task: history(server, task)} for task in tasks] == seen


def test_a_failed_task_reaches_on_error(server: ServerProcess, new_client: NewClient) -> None:
    client, errors = new_client(server.url), []
    client.on_error = lambda task_id, data: errors.append((task_id, data["status"]))
    client.connect()
    task = submit(server, "test-raise")
    client.subscribe(task)
    assert "failed" == client.wait_for_completion(DEADLINE)
    client.disconnect()
    assert [(task, "failed")] == errors


def test_an_unknown_task_cannot_be_subscribed_to(server: ServerProcess, new_client: NewClient) -> None:
    client = new_client(server.url)
    client.connect()
    with pytest.raises(APIError) as caught:
        client.subscribe("3f0c9e0a-1111-4222-8333-444455556666")
    client.disconnect()
    assert 404 == caught.value.status


def test_pause_resume_and_cancel_by_socket(server: ServerProcess, new_client: NewClient) -> None:
    client, statuses = new_client(server.url), []
    client.on_status_change = lambda task_id, data: statuses.append(data["status"])
    client.connect()
    task = submit(server, "test-steps", n=1000, delay=0.02)
    client.subscribe(task, since=0)
    for action, reached in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        wait_until(lambda: statuses[-1:] in (["running"], ["paused"]), DEADLINE)
        assert client.control(task, action)["ok"]
        wait_until(lambda reached=reached: statuses[-1] == reached, DEADLINE)
    assert "cancelled" == client.wait_for_completion(DEADLINE)
    with pytest.raises(APIError) as caught:
        client.control(task, "pause")
    client.disconnect()
    assert 409 == caught.value.status


def test_cut_connections_lose_nothing(server: ServerProcess, new_client: NewClient) -> None:
    with Wire(server.port) as wire:
        client = new_client(wire.url)
        seen = recorded(client)
        client.connect()
        task = submit(server, "test-steps", n=200, delay=0.01)
        client.subscribe(task, since=0)
        for count in (50, 150, 300):
            wait_until(lambda count=count: len(seen.get(task, ())) > count, DEADLINE)
            wire.cut()
        assert "completed" == client.wait_for_completion(DEADLINE)
        client.disconnect()
    assert {task: history(server, task)} == seen


def test_a_network_that_falls_silent_loses_nothing(server: ServerProcess, new_client: NewClient) -> None:
    """A router forgets the connection; whoever then wants something of it finds out, and gets another one."""
    with Wire(server.port) as wire:
        client = new_client(wire.url)
        seen = recorded(client)
        client.connect()
        task = submit(server, "test-steps", n=100, delay=0.02)
        client.subscribe(task, since=0)
        wait_until(lambda: len(seen.get(task, ())) > 20, DEADLINE)
        wire.freeze()
        wire.thaw(forgotten=True)
        with pytest.raises(ConnectionLost, match="did not answer"):
            client.control(task, "resume", timeout=0.5)
        assert "completed" == client.wait_for_completion(DEADLINE)
        client.disconnect()
    assert {task: history(server, task)} == seen


def test_a_proxy_that_hangs_up_on_quiet_connections_loses_nothing(
    start_server: Callable[..., ServerProcess], tmp_path: Path, new_client: NewClient
) -> None:
    """Its time-out is shorter than the server's pings: each pause of the task costs a connection."""
    server = start_server(env={"RUNCAST_OPEN": "1", "RUNCAST_TRUSTED_PROXIES": "1"})
    with NginxProcess(tmp_path, server.port, read_timeout="1s") as nginx:
        client = new_client(nginx.url)
        losses = []
        seen = recorded(client)
        client.on_connection_change = lambda state, _: losses.append(state) if state == "reconnecting" else None
        client.connect()
        task = submit(server, "test-steps", n=1000, delay=0.02)
        client.subscribe(task, since=0)
        for n in (1, 2):
            client.control(task, "pause")
            wait_until(lambda n=n: len(losses) >= n, DEADLINE)
            APIClient(server.url).resume(task)
            wait_until(lambda n=n: progress(seen[task]) > 20 * n, DEADLINE)
        APIClient(server.url).cancel(task)
        assert "cancelled" == client.wait_for_completion(DEADLINE)
        client.disconnect()
    assert {task: history(server, task)} == seen


def test_a_replay_and_live_events_come_by_polling_too(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch, new_client: NewClient
) -> None:
    """As behind a proxy that lets no WebSocket through."""
    monkeypatch.setattr("engineio.client.websocket", None)
    client = new_client(server.url)
    seen = recorded(client)
    task = submit(server, "test-steps", n=100, delay=0.01)
    wait_until(lambda: len(history(server, task)) > 60, DEADLINE)
    client.connect()
    assert "polling" == client.sio.transport()
    client.subscribe(task, since=0)
    assert "completed" == client.wait_for_completion(DEADLINE)
    client.disconnect()
    assert {task: history(server, task)} == seen


@pytest.mark.parametrize("end", [ServerProcess.stop, ServerProcess.kill])
def test_a_restart_of_the_server_is_survived(
    start_server: Callable[..., ServerProcess], end: Callable[[ServerProcess], Any], new_client: NewClient
) -> None:
    """Told to stop, or killed: the client comes back by itself and has every event once."""
    server = start_server()
    client = new_client(server.url)
    seen = recorded(client)
    client.connect()
    task = submit(server, "test-steps", n=40, delay=0.05)
    client.subscribe(task, since=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait_for_completion, DEADLINE)
        wait_until(lambda: len(seen.get(task, ())) > 20, DEADLINE)
        end(server)
        wait_until(lambda: not client.connected, DEADLINE)
        assert not waiting.done()
        server.start()
        outcome = waiting.result()
    client.disconnect()
    stored = history(server, task)
    assert list(range(1, len(stored) + 1)) == [event["seq"] for event in seen[task]]
    assert stored == seen[task]
    assert "completed" == outcome


def test_many_clients_of_a_killed_server_come_back_and_each_has_every_event(
    start_server: Callable[..., ServerProcess], new_client: NewClient
) -> None:
    server = start_server()
    clients = [new_client(server.url) for _ in range(25)]
    seen = [recorded(client) for client in clients]
    task = submit(server, "test-steps", n=60, delay=0.05)
    for client in clients:
        client.connect()
        client.subscribe(task, since=0)
    wait_until(lambda: all(len(events.get(task, ())) > 20 for events in seen), DEADLINE)
    server.kill()
    wait_until(lambda: not any(client.connected for client in clients), DEADLINE)
    server.start()
    assert {"completed"} == {client.wait_for_completion(DEADLINE) for client in clients}
    for client in clients:
        client.disconnect()
    wait_until(lambda: not client_threads())
    stored = history(server, task)
    assert [{task: stored}] * len(clients) == seen


def test_watching_with_asyncio(server: ServerProcess) -> None:
    async def watched(task_id: str) -> list[Json]:
        async with AsyncTaskClient(server.url) as client:
            return [event async for event in client.watch(task_id, since=0)]

    task = submit(server, "test-steps", n=10)
    assert history_when_ended(server, task) == asyncio.run(asyncio.wait_for(watched(task), DEADLINE))


def history_when_ended(server: ServerProcess, task_id: str) -> list[Json]:
    with APIClient(server.url) as client:
        client.wait_for_task(task_id, poll_interval=0.05, timeout=DEADLINE)
    return history(server, task_id)


def test_a_late_subscriber_gets_the_latest_state_and_the_end(server: ServerProcess, new_client: NewClient) -> None:
    task = submit(server, "test-steps", n=3)
    stored = history_when_ended(server, task)
    client = new_client(server.url)
    seen = recorded(client)
    client.connect()
    client.subscribe(task)
    assert "completed" == client.wait_for_completion(DEADLINE)
    client.disconnect()
    progress = [event for event in stored if event["event_type"] == "progress"][-1]
    assert [progress, stored[-1]] == seen[task]
