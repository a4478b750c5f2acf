"""A peer that takes nothing: the write that waits for it ends, and what it held is given back. Idle ones stay."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.support.crowd import Crowd
from tests.support.events import history, submit
from tests.support.servers import ServerProcess, gunicorn
from tests.support.waiting import wait_until

STALL = 2
LINES = 120
LINE = "x" * 60_000
"""In all more than the kernel keeps for one connection (4 MiB there, and what the reader's side takes)."""
ESTABLISHED = "01"
LOUD = ("gunicorn-gevent", "gunicorn-gthread")
"""gunicorn's own workers log a connection that timed out with a traceback."""
WAYS = {
    "own-eventlet": {"env": {"RUNCAST_ASYNC_MODE": "eventlet"}},
    "own-gevent": {"env": {"RUNCAST_ASYNC_MODE": "gevent"}},
    "own-threading": {"env": {"RUNCAST_ASYNC_MODE": "threading"}},
    "gunicorn-eventlet": {"command": gunicorn},
    "gunicorn-gevent": {"command": partial(gunicorn, worker_class="gevent")},
    "gunicorn-gthread": {"command": partial(gunicorn, worker_class="gthread")},
}


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    way = WAYS[request.param]
    env = {"RUNCAST_READER_PATIENCE_SECONDS": str(STALL)} | way.get("env", {})
    with ServerProcess(tmp_path_factory.mktemp("data"), **way | {"env": env}) as running:
        yield running
        if request.param not in LOUD:
            assert "Traceback" not in running.log_text()


@pytest.fixture(scope="module")
def task_id(server: ServerProcess) -> str:
    """A task that goes on, with several MiB of history."""
    made = submit(server.url, "external")
    for _ in range(LINES // 12):
        report(server, made, [LINE] * 12)
    return made


def report(server: ServerProcess, task_id: str, lines: list[str]) -> None:
    events = [{"event_type": "log", "data": {"level": "info", "message": line}} for line in lines]
    answer = requests.post(f"{server.url}/api/tasks/{task_id}/events", json=events, timeout=20)
    assert answer.status_code == 201, answer.text


def deaf(server: ServerProcess, path: str) -> socket.socket:
    """Asks for `path` and never reads the answer."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return sock


def subscriptions(server: ServerProcess) -> int:
    text = requests.get(f"{server.url}/api/metrics", timeout=5).text
    found = re.search(r"^runcast_subscriptions ([0-9.]+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


def established(server: ServerProcess, client: socket.socket) -> bool:
    """Whether the server's side of the connection still stands."""
    wanted = f":{server.port:04X}", f":{client.getsockname()[1]:04X}", ESTABLISHED
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any((row[1][-5:], row[2][-5:], row[3]) == wanted for row in rows)


def test_a_stream_that_nobody_reads_ends_and_gives_its_subscription_back(server: ServerProcess, task_id: str) -> None:
    """Beside it a stream and a WebSocket that are idle all the time, and hear the next event."""
    before = subscriptions(server)
    with (
        Crowd(server.port, [task_id], 1) as crowd,
        requests.get(f"{server.url}/api/tasks/{task_id}/stream", stream=True, timeout=30) as idle,
    ):
        lines = idle.iter_lines()
        stored = history(server.url, task_id)[-1]["seq"]
        crowd.pump(crowd.all(lambda member: len(member.seqs) == stored), 20)
        wait_until(lambda: subscriptions(server) == before + 2)
        with deaf(server, f"/api/tasks/{task_id}/stream?since=0") as sock:
            wait_until(lambda: subscriptions(server) == before + 3)
            wait_until(lambda: not established(server, sock), 5 * STALL)
            wait_until(lambda: subscriptions(server) == before + 2)
        report(server, task_id, ["the next"])
        assert any(b"the next" in line for line in lines)
        crowd.pump(crowd.all(lambda member: member.seqs[-1] == stored + 1), 10)
        assert 0 == crowd.members[0].lost

    def gone() -> bool:
        """A line that is written into the void lets the system tell the server; the next one finds it."""
        report(server, task_id, ["into the void"])
        return subscriptions(server) == before

    wait_until(gone, 10, lambda: "a stream that its reader left is still there", interval=0.2)


def test_a_plain_answer_that_nobody_reads_ends(server: ServerProcess, task_id: str) -> None:
    with deaf(server, f"/api/tasks/{task_id}/events?limit=1000") as sock:
        wait_until(lambda: established(server, sock))
        wait_until(lambda: not established(server, sock), 5 * STALL)
    assert requests.get(f"{server.url}/api/health", timeout=5).ok
