"""`/ws/task/<id>` with plain WebSocket clients, in every async mode."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

MODES = ["eventlet", "gevent", "threading"]
SECONDS = 20


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param}
    with ServerProcess(tmp_path_factory.mktemp("sockets"), env=env) as running:
        yield running


@contextmanager
def socket(server: ServerProcess, path: str, **options: Any) -> Iterator[ClientConnection]:
    with connect(server.url.replace("http", "ws") + path, open_timeout=SECONDS, **options) as opened:
        yield opened


def heard(opened: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(opened.recv(SECONDS))
    return message


def to_the_end(opened: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """Every message, and the code and reason of the close."""
    messages = []
    while True:
        try:
            messages.append(heard(opened))
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            return messages, closed.rcvd.code, closed.rcvd.reason


def test_a_client_hears_where_the_task_stands_and_then_everything_to_the_end(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 4, "delay": 0.2})
    with socket(server, f"/ws/task/{task}") as opened:
        messages, code, _ = to_the_end(opened)
    assert ("connected", 1000) == (messages[0]["type"], code)
    assert messages[0]["current_status"] in ("pending", "processing")
    steps = [(each["current"], each["total"], each["progress"]) for each in messages[1:-1] if each["total"]]
    assert [(4, 4, 100.0)] == steps[-1:]
    assert sorted(steps) == steps
    assert {"processing"} == {each["status"] for each in messages[1:-1] if each["total"]}
    assert ("complete", True, 4) == (messages[-1]["type"], messages[-1]["success"], messages[-1]["result"]["steps"])


def test_who_comes_after_the_end_hears_it(server: ServerProcess) -> None:
    ends = {"test-noop": "complete", "test-raise": "error"}
    for kind, last in ends.items():
        task = submit(server.url, kind, {})
        wait_until(lambda task=task: requests.get(f"{server.url}/api/tasks/{task}").json()["completed_at"], SECONDS)  # type: ignore[misc]
        with socket(server, f"/ws/task/{task}") as opened:
            messages, code, _ = to_the_end(opened)
        assert (["connected", last], 1000) == ([each["type"] for each in messages], code)


def test_since_replays_what_was_missed_without_a_gap(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 5})
    wait_for_status(server.url, task, "completed")
    with socket(server, f"/ws/task/{task}?since=0") as opened:
        whole, code, _ = to_the_end(opened)
    assert 1000 == code
    assert ["connected", "progress", "progress"] == [each["type"] for each in whole[:3]]
    assert ["pending", "processing"] == [each["status"] for each in whole[1:3]]
    assert (5, "complete") == (whole[-2]["current"], whole[-1]["type"])
    last_seq = requests.get(f"{server.url}/api/tasks/{task}").json()["last_seq"]
    for since in range(1, last_seq):  # from wherever: word for word what the whole has there
        with socket(server, f"/ws/task/{task}?since={since}") as opened:
            _, *rest = to_the_end(opened)[0]
        assert rest == whole[-len(rest) :], since
    assert 1 == len(rest)
    with socket(server, f"/ws/task/{task}?since={last_seq}") as opened:
        assert ["connected"] == [each["type"] for each in to_the_end(opened)[0]]


def test_ping_is_answered_and_anything_else_refused(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 1, "delay": 60})
    with socket(server, f"/ws/task/{task}") as opened:
        opened.send("ping")
        opened.send("pong")
        opened.send("3")
        opened.send('{"type": "ping"')
        answers: list[dict[str, Any]] = []
        while len(answers) < 4:
            answers += [each for each in [heard(opened)] if each["type"] in ("pong", "error")]
        assert ["error", "error", "error", "pong"] == sorted(each["type"] for each in answers)
        assert {("this socket takes the message `ping` alone", -1)} == {
            (each["error"], each["progress"]) for each in answers if each["type"] == "error"
        }
    requests.post(f"{server.url}/api/tasks/{task}/cancel", timeout=SECONDS)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/ws/task/no-such-task", "There is no such task."),
        ("/ws/task/%00", "There is no such task."),
        ("/ws/task/x?since=-1", "since must be a whole number of at least 0"),
        ("/ws/training/no-such-job", "There is no such task."),
    ],
)
def test_who_may_not_listen_is_told_why(server: ServerProcess, path: str, reason: str) -> None:
    if "since" in path:
        path = path.replace("/x?", f"/{submit(server.url, 'test-noop', {})}?")
    with socket(server, path) as opened:
        messages, code, told = to_the_end(opened)
    assert ([], 1008, reason) == (messages, code, told)


def test_a_page_of_another_origin_gets_no_connection(server: ServerProcess) -> None:
    with pytest.raises(InvalidStatus) as refused, socket(server, "/ws/task/any", origin="https://evil.example"):
        pass
    assert 403 == refused.value.response.status_code


def test_a_plain_request_is_told_what_the_address_speaks(server: ServerProcess) -> None:
    answer = requests.get(f"{server.url}/ws/task/any", timeout=SECONDS)
    assert (426, "websocket") == (answer.status_code, answer.headers["Upgrade"])
    assert "speaks WebSocket" in answer.json()["error"]


@pytest.mark.parametrize(("sent", "code"), [(b"bytes", 1003), ("x" * 70_000, 1009)])
def test_what_is_too_large_or_no_text_ends_the_connection(server: ServerProcess, sent: Any, code: int) -> None:
    task = submit(server.url, "test-steps", {"n": 1, "delay": 60})
    with socket(server, f"/ws/task/{task}") as opened:
        opened.send(sent)
        assert code == to_the_end(opened)[1]
    requests.post(f"{server.url}/api/tasks/{task}/cancel", timeout=SECONDS)


def test_a_flood_is_refused_then_ended_and_nobody_else_suffers(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 1, "delay": 60})
    flooding = websocket.create_connection(_url(server, task), timeout=SECONDS)
    with socket(server, f"/ws/task/{task}") as other:
        sender = threading.Thread(target=_flood, args=(flooding,), daemon=True)
        sender.start()
        kinds, (opcode, end) = [], flooding.recv_data()
        while opcode == websocket.ABNF.OPCODE_TEXT:
            kinds.append(json.loads(end)["type"])
            opcode, end = flooding.recv_data()
        assert b"\x03\xf0too many messages" == end
        assert {"connected", "pong", "error"} == set(kinds) - {"progress"}  # the task may begin just then
        other.send("ping")
        while heard(other)["type"] != "pong":
            pass
    flooding.sock.close()
    sender.join(SECONDS)
    requests.post(f"{server.url}/api/tasks/{task}/cancel", timeout=SECONDS)


def _flood(opened: Any) -> None:
    try:
        for _ in range(10_000):
            opened.send("ping")
    except (OSError, websocket.WebSocketException):
        pass


def _url(server: ServerProcess, task: str) -> str:
    return server.url.replace("http", "ws") + f"/ws/task/{task}"


def test_connections_that_end_leave_nothing_behind(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 1, "delay": 60})
    opened = [websocket.create_connection(_url(server, task), timeout=SECONDS) for _ in range(20)]
    wait_until(lambda: _gauge(server, "runcast_subscriptions") >= 20, SECONDS)
    for number, each in enumerate(opened):
        if number % 2:
            each.close()
        else:
            each.sock.close()  # as of a process that was killed
    wait_until(lambda: _gauge(server, "runcast_subscriptions") == 0, SECONDS)
    wait_until(lambda: _gauge(server, "runcast_websockets") == 0, SECONDS)
    requests.post(f"{server.url}/api/tasks/{task}/cancel", timeout=SECONDS)


def _gauge(server: ServerProcess, name: str) -> float:
    text = requests.get(f"{server.url}/api/metrics", timeout=SECONDS).text
    [line] = [line for line in text.splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_stops_says_so(tmp_path: Path, mode: str) -> None:
    with ServerProcess(tmp_path, env={"RUNCAST_ASYNC_MODE": mode}) as server:
        task = submit(server.url, "test-steps", {"n": 1, "delay": 60})
        with socket(server, f"/ws/task/{task}") as opened:
            assert "connected" == heard(opened)["type"]
            server.signal(15)
            _, code, reason = to_the_end(opened)
            assert (1012, "the server is stopping; connect again in a moment") == (code, reason)
        assert 0 == server.stop()
