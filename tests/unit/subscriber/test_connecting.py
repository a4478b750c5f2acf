"""Connecting for the first time, to a server that may not be there yet, and disconnecting for good or for a while."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.errors import ConnectionLost
from api.websocket_client import TaskWebSocketClient
from tests.support.ports import free_port
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Recorded, feed, numbers


def test_the_token_is_sent_with_the_connection(server: ScriptedServer) -> None:
    client = TaskWebSocketClient(server.url, token="secret")
    client.connect()
    client.disconnect()
    assert [("connect", {"token": "secret"})] == server.requests


def test_a_server_that_comes_up_late_is_waited_for(server: ScriptedServer, wire: Wire) -> None:
    wire.down()
    client = TaskWebSocketClient(wire.url)
    failed = threading.Event()
    client.on_connection_change = lambda state, detail: failed.set()
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect, DEADLINE)
        assert failed.wait(DEADLINE)
        wire.up()
        connecting.result()
    assert client.connected
    client.disconnect()


def test_a_server_that_never_comes_up_is_told_in_one_line_with_advice() -> None:
    client = TaskWebSocketClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionLost) as caught:
        client.connect(timeout=0.2)
    assert "connection refused" in caught.value.message
    assert "runcast serve" in caught.value.message
    assert "\n" not in caught.value.message
    assert not client.connected


def test_a_connection_that_is_refused_at_first_is_tried_again(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    server.refuse_connections = 2
    client.connect(DEADLINE)
    wait_until(lambda: ["reconnecting", "reconnecting", "live"] == [state for state, _ in seen.states])
    assert seen.states[0][1].startswith("refused: not ready yet, next try in ")


def test_a_server_that_dies_in_mid_handshake_does_not_stop_the_client(
    server: ScriptedServer, client: TaskWebSocketClient, wire: Wire
) -> None:
    """It accepts, reads the request and hangs up, a few times over."""
    wire.down()
    port = int(wire.url.rsplit(":", 1)[1])
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect, DEADLINE)
        with socket.create_server(("127.0.0.1", port)) as dying:
            for _ in range(2):
                near, _ = dying.accept()
                near.recv(1)
                near.close()
        wire.up()
        connecting.result()
    assert client.connected


@pytest.mark.parametrize("address", ["localhost:5000", "ws://localhost:5000", ""])
def test_a_wrong_address_is_told_at_once(address: str) -> None:
    with pytest.raises(ConnectionLost, match="is no address"):
        TaskWebSocketClient(address).connect(timeout=None)


def test_disconnect_ends_every_thread_and_may_be_repeated(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    client.connect()
    client.subscribe(server.task(RUNNING))
    client.disconnect()
    client.disconnect()
    wait_until(lambda: not client_threads())
    assert not client.connected


def test_disconnect_while_it_still_tries_to_connect_leaves_nothing_behind(server: ScriptedServer) -> None:
    server.refuse_connections = 1000
    for _ in range(20):
        client = TaskWebSocketClient(server.url)
        with pytest.raises(ConnectionLost, match="cannot reach"):
            client.connect(timeout=0.01)
        client.disconnect()
    wait_until(lambda: not client_threads())


def test_connect_after_disconnect_resumes(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    wait_until(lambda: seen.seqs.get(task) == [1])
    client.disconnect()
    client.disconnect()
    feed(server, task, 5)
    client.connect()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 7) == seen.seqs[task]
