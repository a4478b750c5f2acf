"""Who may come in, on every transport: origins, hosts, proxies (guarantees 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import websocket

from tests.acceptance.main_job import follow, submit
from tests.support.servers import ServerProcess

LISTED = "https://lab.example"
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("data"), env={"RUNCAST_CORS_ORIGINS": LISTED}) as running:
        yield running


@pytest.fixture(scope="module")
def task_id(server: ServerProcess) -> str:
    """A task that has ended, so that its stream ends too."""
    ended = submit(server.url, {"type": "test-noop"})
    follow(server.url, ended, "websocket")
    return ended


def answers(server: ServerProcess, task_id: str, headers: dict[str, str]) -> dict[str, int]:
    """The status on each transport."""
    plain = {
        "read": ("GET", "/api/tasks"),
        "write": ("POST", f"/api/tasks/{task_id}/cancel"),
        "stream": ("GET", f"/api/tasks/{task_id}/stream"),
        "polling": ("GET", "/socket.io/?EIO=4&transport=polling"),
        "page": ("GET", "/demo"),
        "document": ("GET", "/openapi.json"),
    }
    found = {}
    for name, (method, path) in plain.items():
        answer = requests.request(method, server.url + path, headers=headers, timeout=10)
        if answer.status_code == 403:
            assert answer.headers["Content-Type"] == PROBLEM
            assert answer.json()["error"] == answer.json()["detail"]
        found[name] = answer.status_code
    return found | {"websocket": upgrade_status(server, headers)}


def upgrade_status(server: ServerProcess, headers: dict[str, str]) -> int:
    """101 when a WebSocket is accepted, else the status of the refusal."""
    others = {name: value for name, value in headers.items() if name not in ("Origin", "Host")}
    try:
        connection = websocket.create_connection(
            f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket",
            origin=headers.get("Origin"),
            suppress_origin="Origin" not in headers,
            host=headers.get("Host"),
            header=others,
            timeout=10,
        )
    except websocket.WebSocketBadStatusException as refused:
        as_a_problem = refused.resp_headers["content-type"] == PROBLEM
        return int(refused.status_code) if as_a_problem else 0
    connection.close()
    return 101


def everywhere(status: int) -> dict[str, int]:
    names = ("read", "write", "stream", "polling", "page", "document", "websocket")
    return dict.fromkeys(names, status)


LET_IN = everywhere(200) | {"write": 409, "websocket": 101}  # the task has ended: there is nothing to cancel


def test_who_sends_no_origin_is_no_page_and_comes_in(server: ServerProcess, task_id: str) -> None:
    assert answers(server, task_id, {}) == LET_IN


@pytest.mark.parametrize(
    "origin", ["http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}", LISTED]
)
def test_the_servers_own_pages_and_listed_ones_come_in(server: ServerProcess, task_id: str, origin: str) -> None:
    assert answers(server, task_id, {"Origin": origin.format(port=server.port)}) == LET_IN


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://localhost",
        "http://localhost:{port}.evil.example",
        "http://127.0.0.1:{port}@evil.example",
        "https://lab.example.evil.example",
        "http://lab.example",
        "null",
        "file://",
        "*",
    ],
)
def test_a_foreign_page_is_refused_before_anything_is_accepted(
    server: ServerProcess, task_id: str, origin: str
) -> None:
    """Another name, scheme or port, another loopback port included; no WebSocket is ever upgraded."""
    assert answers(server, task_id, {"Origin": origin.format(port=server.port)}) == everywhere(403)


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "evil.example", "127.0.0.1.evil.example:{port}", "10.0.0.1", "a@b"]
)
def test_a_host_that_is_not_the_loopback_is_refused(server: ServerProcess, task_id: str, host: str) -> None:
    """A name that somebody else's DNS points to this machine brings no page in, even as its own origin."""
    name = host.format(port=server.port)
    assert answers(server, task_id, {"Host": name}) == everywhere(403)
    assert answers(server, task_id, {"Host": name, "Origin": f"http://{name}"}) == everywhere(403)


@pytest.mark.parametrize(
    "header",
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Real-IP", "Forwarded", "Via"],
)
def test_a_request_through_a_proxy_is_refused(server: ServerProcess, task_id: str, header: str) -> None:
    """ "Only the loopback" means nothing behind a proxy: with authentication off the answer is 403."""
    assert answers(server, task_id, {header: "127.0.0.1"}) == everywhere(403)


def test_a_listed_origin_may_read_the_answers_and_the_errors(server: ServerProcess, task_id: str) -> None:
    expected = {"read": 200, "missing": 404, "invalid": 422, "stream": 200, "polling": 200}
    paths = {
        "read": "/api/tasks",
        "missing": "/api/tasks/none",
        "invalid": "/api/tasks?limit=0",
        "stream": f"/api/tasks/{task_id}/stream",
        "polling": "/socket.io/?EIO=4&transport=polling",
    }
    for name, path in paths.items():
        answer = requests.get(server.url + path, headers={"Origin": LISTED}, timeout=10)
        assert (name, answer.status_code) == (name, expected[name])
        assert answer.headers["Access-Control-Allow-Origin"] == LISTED, name
        if name != "polling":
            assert "Origin" in answer.headers["Vary"]


def test_a_listed_origin_passes_the_preflight_and_a_foreign_one_does_not(server: ServerProcess) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type, idempotency-key"}
    passed = requests.options(f"{server.url}/api/tasks", headers={"Origin": LISTED} | asks, timeout=10)
    assert passed.status_code == 200
    assert passed.headers["Access-Control-Allow-Origin"] == LISTED
    assert "POST" in passed.headers["Access-Control-Allow-Methods"]
    allowed = passed.headers["Access-Control-Allow-Headers"].lower()
    assert "content-type" in allowed
    assert "idempotency-key" in allowed
    refused = requests.options(f"{server.url}/api/tasks", headers={"Origin": "http://evil.example"} | asks, timeout=10)
    assert refused.status_code == 403
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_a_page_opened_from_a_file_comes_in_only_when_null_is_listed(start_server) -> None:
    server = start_server(env={"RUNCAST_CORS_ORIGINS": "null"})
    assert requests.get(f"{server.url}/api/tasks", headers={"Origin": "null"}, timeout=10).status_code == 200
    assert upgrade_status(server, {"Origin": "null"}) == 101


def test_an_open_server_without_a_trusted_proxy_believes_no_forwarding_header(start_server) -> None:
    """They are dropped: a page cannot claim its own origin by them."""
    server = start_server(env={"RUNCAST_OPEN": "1"})
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example"}
    assert requests.get(f"{server.url}/api/tasks", headers=forged, timeout=10).status_code == 200
    refused = requests.get(f"{server.url}/api/tasks", headers=forged | {"Origin": "http://evil.example"}, timeout=10)
    assert refused.status_code == 403
