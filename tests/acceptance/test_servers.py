"""Every way to serve runs the main job: over WebSocket, over polling and as a stream."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import requests

from tests.acceptance.main_job import Watcher, assert_whole, stream, submit
from tests.support.certificates import trusting
from tests.support.servers import ServerProcess, gunicorn

OVER_TLS = "gunicorn-eventlet-tls"
WAYS = {
    "own-eventlet": {"env": {"RUNCAST_ASYNC_MODE": "eventlet"}},
    "own-gevent": {"env": {"RUNCAST_ASYNC_MODE": "gevent"}},
    "own-threading": {"env": {"RUNCAST_ASYNC_MODE": "threading"}},
    "gunicorn-eventlet": {"command": gunicorn},
    "gunicorn-eventlet-api.server": {"command": partial(gunicorn, app="api.server:app")},
    OVER_TLS: {"scheme": "https"},
    "gunicorn-gevent": {"command": partial(gunicorn, worker_class="gevent")},
    "gunicorn-gthread": {"command": partial(gunicorn, worker_class="gthread")},
}


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    way = WAYS[request.param]
    if request.param == OVER_TLS:
        way = {**way, "command": partial(gunicorn, more=request.getfixturevalue("certificate").options)}
    with ServerProcess(tmp_path_factory.mktemp("data"), **way) as running, requests.Session() as idle:
        idle.get(f"{running.url}/api/health", timeout=10)
        yield running
        running.stop()  # hangs up on who is idle
        assert "Traceback" not in running.log_text()


def test_an_optimisation_is_followed_live_without_a_gap(server: ServerProcess) -> None:
    """Submitted by REST; its events arrive from the first to the last, each once and in order, by each transport."""
    with Watcher(server.url, "websocket") as watcher, Watcher(server.url, "polling") as poller:
        task_id = submit(server.url)
        with ThreadPoolExecutor(1) as pool:
            polled = pool.submit(poller.follow, task_id)
            assert_whole(watcher.follow(task_id))
        assert watcher.events == polled.result()


def test_a_stream_arrives_while_the_job_runs(server: ServerProcess) -> None:
    """The first event is there before the job has ended; `end` closes the stream."""
    task_id = submit(server.url, {"type": "test-steps", "params": {"n": 3, "delay": 0.2}})
    arriving = stream(server.url, task_id)
    next(arriving)
    now = requests.get(f"{server.url}/api/tasks/{task_id}", timeout=10).json()
    assert now["status"] in ("pending", "running")
    names = [name for name, _data in arriving]
    assert names[-1] == "end"
    assert names[-2] == "status_change"


def test_the_demo_page_and_its_files_are_served(server: ServerProcess) -> None:
    page = requests.get(f"{server.url}/demo", timeout=10)
    assert page.status_code == 200
    assert "<html" in page.text
    icon = requests.get(f"{server.url}/static/favicon.svg", timeout=10)
    assert (icon.status_code, icon.headers["Content-Type"].partition(";")[0]) == (200, "image/svg+xml")


def test_a_body_in_chunks_is_read_and_one_over_a_mebibyte_refused(server: ServerProcess) -> None:
    """Its length is not announced: the server counts, and does not wait for the end."""
    assert chunked(server, [b'{"type": ', b'"test-noop"}', b""]) == (201, "application/json")
    assert chunked(server, [b" " * 65536] * 17) == (413, "application/problem+json")


def chunked(server: ServerProcess, chunks: list[bytes]) -> tuple[int, str | None]:
    """Status and media type of the answer to a POST of `chunks`; an empty one ends the body."""
    head = "POST /api/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connection(server) as wire:
        wire.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for chunk in chunks:
            wire.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        return answer.status, answer.headers["Content-Type"]


def connection(server: ServerProcess) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    if server.url.startswith("http:"):
        return plain
    return trusting().wrap_socket(plain, server_hostname="127.0.0.1")
