"""The shipped nginx.conf in front of gunicorn: the main job, streams, files, and who may come in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import websocket

from tests.acceptance.main_job import assert_whole, follow, stream, submit
from tests.support.nginx import SHIPPED, NginxProcess
from tests.support.ports import free_port
from tests.support.servers import ServerProcess, gunicorn
from tests.support.services import require

PUBLIC = "lab.example"
BEHIND_A_PROXY = {"RUNCAST_OPEN": "1", "RUNCAST_TRUSTED_PROXIES": "1"}


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxProcess]:
    require("nginx")
    with (
        ServerProcess(tmp_path_factory.mktemp("data"), command=gunicorn, env=BEHIND_A_PROXY) as server,
        NginxProcess(tmp_path_factory.mktemp("nginx"), server.port) as running,
    ):
        yield running


def public_headers(nginx: NginxProcess, origin: str) -> dict[str, str]:
    return {"Host": f"{PUBLIC}:{nginx.port}", "Origin": origin.format(port=nginx.port)}


def upgrade_status(nginx: NginxProcess, origin: str) -> int:
    """The status with which a WebSocket handshake is answered."""
    headers = public_headers(nginx, origin)
    address = f"ws://127.0.0.1:{nginx.port}/socket.io/?EIO=4&transport=websocket"
    try:
        connection = websocket.create_connection(address, host=headers["Host"], origin=headers["Origin"], timeout=10)
    except websocket.WebSocketBadStatusException as refused:
        return int(refused.status_code)
    status = connection.getstatus()
    connection.close()
    return int(status)


def test_the_shipped_configuration_is_valid(tmp_path: Path) -> None:
    """`nginx -t` accepts nginx.conf as it is."""
    command = [require("nginx"), "-t", "-c", str(SHIPPED), "-p", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_an_optimisation_is_followed_through_nginx(nginx: NginxProcess, transport: str) -> None:
    assert_whole(follow(nginx.url, submit(nginx.url), transport))


def test_a_stream_is_not_buffered(nginx: NginxProcess) -> None:
    """The first event arrives while the job still runs."""
    task_id = submit(nginx.url, {"type": "test-steps", "params": {"n": 3, "delay": 0.2}})
    arriving = stream(nginx.url, task_id)
    next(arriving)
    assert requests.get(f"{nginx.url}/api/tasks/{task_id}", timeout=10).json()["status"] in ("pending", "running")
    assert [name for name, _data in arriving][-1] == "end"


def test_curl_shows_a_task_live_resumes_and_is_kept_by_heartbeats(nginx: NginxProcess) -> None:
    """`curl -N`: quiet for longer than a heartbeat, then live events; Last-Event-ID; the end ends it."""
    task = requests.post(f"{nginx.url}/api/tasks", json={"type": "external"}, timeout=10).json()["task_id"]
    with curl(nginx, task, "?since=0") as lines:
        assert "status_change" in next(line for line in lines if line.startswith("event: "))
        assert ": heartbeat" == next(line for line in lines if line.startswith(":"))
        report(nginx, task, {"event_type": "log", "data": {"message": "live"}})
        identifier = next(line for line in lines if line.startswith("id: ")).removeprefix("id: ")
        assert '"live"' in next(line for line in lines if line.startswith("data: "))
    report(nginx, task, {"event_type": "log", "data": {"message": "missed"}})
    with curl(nginx, task, "", "-H", f"Last-Event-ID: {identifier}") as lines:
        assert '"missed"' in next(line for line in lines if line.startswith("data: "))
        report(nginx, task, {"event_type": "status_change", "data": {"status": "completed"}})
        assert ["status_change", "end"] == [
            line.removeprefix("event: ") for line in lines if line.startswith("event: ")
        ]


@contextmanager
def curl(nginx: NginxProcess, task: str, query: str, *options: str) -> Iterator[Iterator[str]]:
    """The lines that `curl -N` prints, as they come; they end when it does."""
    command = [require("curl"), "-sN", "--max-time", "60", *options, f"{nginx.url}/api/tasks/{task}/stream{query}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield (line.rstrip("\n") for line in process.stdout)
        process.terminate()


def report(nginx: NginxProcess, task: str, *events: dict[str, object]) -> None:
    answer = requests.post(f"{nginx.url}/api/tasks/{task}/events", json=events, timeout=10)
    assert answer.status_code == 201, answer.text


def test_static_files_come_from_nginx(tmp_path: Path) -> None:
    """They are served with their type while no server stands behind it; the API answers 503 as a problem."""
    require("nginx")
    with NginxProcess(tmp_path, free_port()) as nginx:
        icon = requests.get(f"{nginx.url}/static/favicon.svg", timeout=10)
        assert (icon.status_code, icon.headers["Content-Type"]) == (200, "image/svg+xml")
        assert icon.headers["X-Content-Type-Options"] == "nosniff"
        down = requests.get(f"{nginx.url}/api/tasks", timeout=10)
        assert (down.status_code, down.headers["Content-Type"]) == (503, "application/problem+json")
        assert down.headers["Retry-After"] == "1"
        assert down.json()["status"] == 503


def test_a_body_that_nginx_refuses_is_a_problem_too(nginx: NginxProcess) -> None:
    answer = requests.post(f"{nginx.url}/api/tasks", data=b" " * (1024 * 1024 + 1), timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
    assert answer.json()["error"] == answer.json()["detail"]


def test_a_page_of_the_public_address_may_use_the_server(nginx: NginxProcess) -> None:
    own = "http://lab.example:{port}"
    headers = public_headers(nginx, own)
    assert requests.get(f"{nginx.url}/api/tasks", headers=headers, timeout=10).status_code == 200
    polling = requests.get(f"{nginx.url}/socket.io/?EIO=4&transport=polling", headers=headers, timeout=10)
    assert polling.status_code == 200
    assert upgrade_status(nginx, own) == 101


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://lab.example:1", "https://lab.example:{port}", "null"]
)
def test_a_page_of_another_address_may_not(nginx: NginxProcess, origin: str) -> None:
    headers = public_headers(nginx, origin)
    for path in ("/api/tasks", "/socket.io/?EIO=4&transport=polling"):
        answer = requests.get(f"{nginx.url}{path}", headers=headers, timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
    assert upgrade_status(nginx, origin) == 403


def test_what_a_client_forwards_itself_is_overwritten(nginx: NginxProcess) -> None:
    """nginx sets the forwarding headers from what it sees; a client cannot choose its host by them."""
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Origin": "https://evil.example"}
    assert requests.get(f"{nginx.url}/api/tasks", headers=headers, timeout=10).status_code == 403
