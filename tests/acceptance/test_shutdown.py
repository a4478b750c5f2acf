"""SIGTERM: who is connected hears of it at once, what runs is put back, and the process is gone in time."""

from __future__ import annotations

import http.client
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import requests

from tests.support.crowd import Crowd
from tests.support.events import history, submit, task, wait_for_status
from tests.support.journal import open_journal
from tests.support.processes import child_pids, gone
from tests.support.servers import STOP_SECONDS, ServerProcess, gunicorn
from tests.support.stock import StockClient
from tests.support.waiting import wait_until

GRACE = 4.0
A_LITTLE = 5.0
"""Seconds beyond the grace, on a machine that does other things too; without a word to them it would be 15."""
OWN = {mode: {"env": {"RUNCAST_ASYNC_MODE": mode}} for mode in ("eventlet", "gevent", "threading")}
TOLD = OWN | {
    "gunicorn-eventlet": {"command": gunicorn},
    "gunicorn-gevent": {"command": partial(gunicorn, worker_class="gevent")},
}
"""The ways to serve that tell every kind of client."""
ALL = TOLD | {"gunicorn-gthread": {"command": partial(gunicorn, worker_class="gthread")}}


@pytest.fixture
def server_of(start_server: Callable[..., ServerProcess]) -> Callable[..., ServerProcess]:
    """A server of one of the ways, with the grace of these tests."""

    def start(way: dict[str, Any], **more: str) -> ServerProcess:
        env = {"RUNCAST_SHUTDOWN_GRACE_SECONDS": str(GRACE)} | way.get("env", {}) | more
        return start_server(**way | {"env": env})

    return start


def stop(server: ServerProcess, crowd: Crowd) -> None:
    """SIGTERM, while the crowd reads on and tries to come back."""
    server.signal(signal.SIGTERM)
    crowd.pump(lambda: server.exited, STOP_SECONDS)
    assert 0 == server.stop()


def refuses(server: ServerProcess) -> bool:
    try:
        requests.get(f"{server.url}/api/health", timeout=5)
    except requests.ConnectionError:
        return True
    return False


@pytest.mark.parametrize("name", ALL)
def test_a_running_task_is_put_back_and_stock_clients_come_back_by_themselves(name: str, server_of) -> None:
    """python-socketio as it comes: told at once, it does not take it for the end, and finds the next server. There the
    task runs again from `pending`."""
    server = server_of(ALL[name])
    task_id = submit(server.url, "test-steps", {"n": 40, "delay": 0.05})
    with ExitStack() as stack:
        transports = ["websocket", "polling"] if name in TOLD else ["websocket"]
        clients = [stack.enter_context(StockClient(server.url, transport)) for transport in transports]
        wait_until(lambda: (task(server.url, task_id)["current_iteration"] or 0) > 2, 30)
        children = child_pids(server.pid)
        assert children
        assert 0 == server.stop()
        wait_until(lambda: all(map(gone, children)), 5, lambda: "a child outlived its server")
        wait_until(lambda: all(client.lost for client in clients), 5, lambda: "a client was not told")
        server.start()
        wait_until(lambda: all(client.connects == 2 for client in clients), 20, lambda: "a client did not come back")
    wait_for_status(server.url, task_id, "completed")
    states = [event["data"]["status"] for event in history(server.url, task_id) if "status" in event["data"]]
    assert ["pending", "running", "pending", "running", "completed"] == states
    assert "Traceback" not in server.log_text()


@pytest.mark.parametrize("way", TOLD.values(), ids=TOLD)
def test_a_stop_is_over_within_the_grace_and_who_is_connected_hears_of_it_at_once(way, server_of) -> None:
    """Its tasks do not hear the request to stop. Clients are told, streams and idle connections end before that."""
    server = server_of(way)
    task_ids = [submit(server.url, "test-stubborn") for _ in range(2)]
    with Crowd(server.port, task_ids, 5) as crowd:
        crowd.pump(crowd.all(lambda member: len(member.seqs) >= 3), 30)
        idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        idle.request("GET", "/api/health")
        idle.getresponse().read()
        assert (idle.sock is None) is (way is OWN["threading"]), "which alone does not keep connections alive"
        stream = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        stream.sendall(f"GET /api/tasks/{task_ids[0]}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b"200 OK" in stream.recv(4096)
        children = child_pids(server.pid)
        asked = time.monotonic()
        server.signal(signal.SIGTERM)
        crowd.pump(crowd.all(lambda member: member.lost), GRACE)
        for connection in filter(None, (idle.sock, stream)):
            while connection.recv(4096):
                pass
            connection.close()
        assert not server.exited, "they were told only by the end of the process"
        wait_until(lambda: refuses(server), 2)  # gunicorn's gevent worker looks once a second
        stop(server, crowd)
        assert time.monotonic() - asked < GRACE + A_LITTLE
    wait_until(lambda: all(map(gone, children)), 2, lambda: "a child outlived its server")
    assert "Traceback" not in server.log_text()


def test_a_grace_that_is_too_short_for_the_tasks_leaves_no_child_either(server_of) -> None:
    """They end by themselves when the server is gone, and their tasks run again."""
    server = server_of(OWN["eventlet"], RUNCAST_SHUTDOWN_GRACE_SECONDS="0.2")
    task_ids = [submit(server.url, "test-stubborn") for _ in range(2)]
    wait_until(lambda: len(child_pids(server.pid)) == len(task_ids))
    children = child_pids(server.pid)
    asked = time.monotonic()
    assert 0 == server.stop()
    assert time.monotonic() - asked < 0.2 + A_LITTLE
    wait_until(lambda: all(map(gone, children)), 3, lambda: "a child outlived its server")
    server.start()
    for task_id in task_ids:
        wait_for_status(server.url, task_id, "running")


@pytest.mark.parametrize("way", TOLD.values(), ids=TOLD)
def test_a_stop_under_load_leaves_a_consistent_store_and_every_task_goes_on(way, server_of) -> None:
    """Stopped and started twice amid the work; then every client has every event once."""
    server = server_of(way, RUNCAST_MAX_WORKERS="3")
    task_ids = [submit(server.url, "test-counter", {"upto": 600}) for _ in range(2)]
    task_ids += [submit(server.url, "test-steps", {"n": 25, "delay": 0.02}) for _ in range(4)]
    with Crowd(server.port, task_ids, 3) as crowd:
        for _ in range(2):
            begun = len(crowd.members[0].seqs)
            crowd.pump(lambda begun=begun: len(crowd.members[0].seqs) > begun + 5, 30)
            children = child_pids(server.pid)
            stop(server, crowd)
            assert all(map(gone, children))
            assert not all(member.ended for member in crowd.members)  # it was amid the work
            assert "ok" == open_journal(server.data_dir).integrity()
            for seqs in open_journal(server.data_dir).seqs().values():
                assert list(range(1, len(seqs) + 1)) == seqs
            server.start()
        crowd.pump(crowd.all(lambda member: member.ended), 60)
    for member in crowd.members:
        assert list(range(1, member.last["seq"] + 1)) == member.seqs
        assert len(history(server.url, member.task_id)) == len(member.seqs)
    assert {"completed"} == {task(server.url, task_id)["status"] for task_id in task_ids}
    assert "Traceback" not in server.log_text()
