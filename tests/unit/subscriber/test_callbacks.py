"""What callbacks may do, and what several threads may do at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.errors import ClientError, ConnectionLost
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Json, Recorded, feed, numbers


@pytest.mark.parametrize("leave", [sys.exit, pytest.fail, lambda: 1 / 0], ids=["exits", "fails", "divides"])
def test_whatever_a_callback_raises_the_stream_goes_on(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded, leave: Callable[[], object]
) -> None:
    """`sys.exit` too: it would end the thread without a word, and who waits would wait for ever."""
    task = server.task(RUNNING, ("log", {}), COMPLETED)
    client.on_status_change = lambda *_: leave()
    client.on_connection_change = lambda *_: leave()
    client.connect()
    client.subscribe(task, since=0)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2, 3] == seen.seqs[task]


def test_a_callback_that_blocks_delays_what_follows_and_loses_nothing() -> None:
    """For longer than the pings allow: they are answered meanwhile."""
    with ScriptedServer(ping_interval=1, ping_timeout=1) as server:
        client, go_on = TaskWebSocketClient(server.url), threading.Event()
        blocked = Recorded(client)
        client.on_log = lambda *_: go_on.wait(DEADLINE)
        task = server.task(RUNNING, ("log", {}))
        client.connect()
        client.subscribe(task, since=0)
        feed(server, task, 200)
        assert not go_on.wait(2.5)
        assert [1, 2] == blocked.seqs[task]
        go_on.set()
        server.append(task, *COMPLETED)
        assert "completed" == client.wait_for_completion(DEADLINE)
        client.disconnect()
    assert (numbers(1, 203), 0) == (blocked.seqs[task], blocked.times("reconnecting"))


def test_a_callback_may_subscribe_and_control(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    """Both wait for the server's answer, on the thread that callbacks run on."""
    first, second = server.task(RUNNING), server.task(RUNNING)
    done: list[Any] = []

    def on_log(task_id: str, data: Json) -> None:
        done.append(client.subscribe(second)["task_id"])
        done.append(client.control(second, "pause")["action"])

    client.on_log = on_log
    client.connect()
    client.subscribe(first)
    server.append(first, "log", {"message": "go"})
    wait_until(lambda: done == [second, "pause"], DEADLINE)


def test_waiting_inside_a_callback_is_refused(
    server: ScriptedServer, client: TaskWebSocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    task = server.task(RUNNING)
    client.on_log = lambda task_id, data: client.wait_for_completion()
    client.connect()
    client.subscribe(task)
    server.append(task, "log", {"message": "go"})
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert "inside a callback" in caplog.text


def test_a_callback_may_unsubscribe(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    dropped, kept = server.task(RUNNING, ("log", {}), ("log", {})), server.task(RUNNING)
    client.on_log = lambda task_id, data: client.unsubscribe(task_id)
    client.connect()
    client.subscribe(kept, since=0)
    client.subscribe(dropped, since=0)
    server.append(kept, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2] == seen.seqs[dropped]


def test_a_callback_may_subscribe_to_a_task_anew_when_it_ends(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING, COMPLETED)
    client.on_status_change = lambda task_id, data: (
        client.subscribe(task_id, since=0) if seen.seqs[task] == [1, 2] else None
    )
    client.connect()
    client.subscribe(task, since=0)
    wait_until(lambda: seen.seqs.get(task) == [1, 2, 1, 2])
    assert "completed" == client.wait_for_completion(DEADLINE)


def test_a_callback_may_disconnect(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    """Nothing is told after that, no thread is left, and who waits is told why."""
    task = server.task(RUNNING)
    client.on_log = lambda *_: client.disconnect()
    client.connect()
    client.subscribe(task, since=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait_for_completion)
        server.append(task, "log", {})
        feed(server, task, 20)
        with pytest.raises(ClientError, match="disconnected"):
            waiting.result(DEADLINE)
    wait_until(lambda: not client_threads(), explain=lambda: str(client_threads()))
    assert [1, 2] == seen.seqs[task]


def test_disconnect_ends_a_wait_in_another_thread(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    client.connect()
    client.subscribe(server.task(RUNNING))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait_for_completion)
        client.disconnect()
        with pytest.raises(ClientError, match="disconnected"):
            waiting.result(DEADLINE)


def test_disconnect_ends_a_subscribe_in_another_thread(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.silent.add("subscribe")
    client.connect()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.subscribe, server.task(RUNNING), None, 1000.0)
        wait_until(lambda: server.requests[-1][0] == "subscribe")
        client.disconnect()
        with pytest.raises(ConnectionLost, match="disconnect"):
            asking.result(DEADLINE)


def test_many_threads_may_subscribe_at_once(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    tasks = [server.task(RUNNING, COMPLETED) for _ in range(40)]
    client.connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client.subscribe, tasks))
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert set(tasks) == set(client.statuses)


def test_threads_may_subscribe_and_control_at_once_while_the_connection_breaks(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    tasks = [server.task(RUNNING, *[("log", {})] * 5) for _ in range(24)]
    client.connect()

    def use(task: str) -> int:
        client.subscribe(task, since=0)
        try:
            client.control(task, "pause")
        except ConnectionLost:
            return 1  # it says that it may or may not have been heard
        return 0

    with ThreadPoolExecutor(8) as pool:
        uses = [pool.submit(use, task) for task in tasks]
        wait_until(lambda: len(seen.seqs) > 4)
        wire.cut()
        assert sum(used.result(DEADLINE) for used in uses) <= 8
    for task in tasks:
        server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert dict.fromkeys(tasks, numbers(1, 7)) == seen.seqs


def test_an_ended_task_is_no_longer_asked_for(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """It is left, since a connection may follow only so many, and not taken up again after a loss."""
    ended, going_on = server.task(RUNNING, COMPLETED), server.task(RUNNING)
    client.connect()
    client.subscribe(ended)
    client.subscribe(going_on)
    wait_until(lambda: ("unsubscribe", {"task_id": ended}) in server.requests)
    before = len(server.requests)
    wire.cut()
    wait_until(lambda: "subscribe" in [event for event, _ in server.requests[before:]], DEADLINE)
    assert ended not in [data.get("task_id") for _, data in server.requests[before:]]


def test_many_clients_of_a_lost_server_come_back_at_different_times(server: ScriptedServer, wire: Wire) -> None:
    """Thirty clients spread their first tries over a good part of the time that there is for it."""
    waits: list[float] = []
    clients = [TaskWebSocketClient(wire.url) for _ in range(30)]

    def told(state: str, detail: str) -> None:
        if state == "reconnecting":
            waits.append(float(detail.split()[-2]))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda client: client.connect(DEADLINE), clients))
        for client in clients:
            client.on_connection_change = told
        wire.cut()
        wait_until(lambda: len(waits) >= len(clients), DEADLINE)
        list(pool.map(lambda client: client.disconnect(), clients))
    wait_until(lambda: not client_threads(), explain=lambda: str(client_threads()))
    assert max(waits) - min(waits) >= 0.1


def test_a_callback_of_the_callers_own_thread_may_be_interrupted(client: TaskWebSocketClient) -> None:
    """An envelope that is dispatched by hand runs the callbacks there, and Ctrl-C must get through."""

    def interrupted(task_id: str, data: Json) -> None:
        raise KeyboardInterrupt

    client.on_log = interrupted
    with pytest.raises(KeyboardInterrupt):
        client._on_task_update({"task_id": "t", "event_type": "log", "data": {}})
