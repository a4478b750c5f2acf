"""`/ws/realtime` and the namespace `/realtime` with plain and Socket.IO clients, in every async mode."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import socketio
from websockets.sync.client import ClientConnection, connect

from tests.support.events import submit, wait_for_status
from tests.support.servers import ROOT, ServerProcess, gunicorn
from tests.support.waiting import wait_until

MODES = ["eventlet", "gevent", "threading"]
SECONDS = 30
TOPICS = ["stats", "rules", "system", "logs", "alerts", "notifications"]


@pytest.fixture(scope="module", params=MODES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RUNCAST_ASYNC_MODE": request.param, "RUNCAST_QUEUE_ALERT": "3", "RUNCAST_MAX_WORKERS": "1"}
    with ServerProcess(tmp_path_factory.mktemp("topics"), env=env) as running:
        yield running


@contextmanager
def listening(server: ServerProcess, *topics: str, path: str = "/ws/realtime") -> Iterator[ClientConnection]:
    """A connection that has subscribed to these, and has unsubscribed from `stats` unless it is one of them."""
    with connect(server.url.replace("http", "ws") + path, open_timeout=SECONDS) as opened:
        assert "connected" == heard(opened)["type"]
        for topic in topics:
            say(opened, action="subscribe", topic=topic)
        if "stats" not in topics:
            say(opened, action="unsubscribe", topic="stats")
            until(opened, lambda message: message["type"] == "unsubscription")
        yield opened


def say(opened: ClientConnection, **message: Any) -> None:
    opened.send(json.dumps(message))


def heard(opened: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(opened.recv(SECONDS))
    return message


def until(opened: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first message that is wanted."""
    while not wanted(message := heard(opened)):
        pass
    return message


def python(server: ServerProcess, code: str) -> None:
    """Run some code in a process of its own that has the server's settings."""
    env = {**os.environ, "RUNCAST_DATA_DIR": str(server.data_dir)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True, timeout=60)


# -- the protocol -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/ws/realtime", "/api/ws/realtime"])
def test_a_client_is_greeted_and_hears_the_stats_without_asking(server: ServerProcess, path: str) -> None:
    with connect(server.url.replace("http", "ws") + path, open_timeout=SECONDS) as opened:
        greeting, stats = heard(opened), heard(opened)
    assert {"type", "client_id", "timestamp", "available_topics"} == greeting.keys()
    assert sorted(TOPICS) == sorted(greeting["available_topics"])
    assert {"type": "stats_update", "topic": "stats"}.items() <= stats.items()
    assert {"pending", "running", "completed", "failed"} <= stats["data"]["tasks"].keys()
    assert 1 <= stats["data"]["connections"]["websocket"]
    assert all(stats["data"][name] >= 0 for name in ("events_per_second", "cpu_percent", "hub_lag_seconds"))
    assert 10_000_000 < stats["data"]["memory_bytes"]


def test_requests_are_answered_and_bad_ones_leave_the_connection_open(server: ServerProcess) -> None:
    with connect(server.url.replace("http", "ws") + "/ws/realtime", open_timeout=SECONDS) as opened:
        heard(opened)
        say(opened, action="unsubscribe", topic="stats")
        answer = until(opened, lambda message: message["type"] != "stats_update")
        assert {"type": "unsubscription", "topic": "stats", "success": True}.items() <= answer.items()
        for action in ("action", "type"):
            say(opened, **{action: "subscribe", "topic": "rules"})
            assert {"type": "subscription", "topic": "rules", "success": True}.items() <= heard(opened).items()
            say(opened, **{action: "ping"})
            assert {"type", "timestamp"} == heard(opened).keys()
        bad = ["", "nonsense", "[1]", "null", "NaN", '{"action": "dance"}', '{"action": "subscribe"}', "{" * 5000,
               '{"action": "subscribe", "topic": ["stats"]}', '{"action": "subscribe", "topic": "other"}']  # fmt: skip
        for text in bad:
            opened.send(text)
            error = heard(opened)
            assert ("error", True) == (error["type"], bool(error["message"])), text
        say(opened, action="ping")
        assert "pong" == heard(opened)["type"]


# -- the sources --------------------------------------------------------------------------------------


def test_a_task_that_fails_is_an_alert_and_a_notification_and_its_lines_are_logs(server: ServerProcess) -> None:
    with listening(server, "alerts", "notifications", "logs") as opened:
        bad = submit(server.url, "test-raise", {}, name="<b>bad</b>")
        alert = until(opened, lambda message: message["type"] == "alert")
        assert ("task_failed", "error", f"/tasks/{bad}") == (
            alert["alert_type"],
            alert["severity"],
            alert["action_url"],
        )
        assert "<b>bad</b>" in alert["title"]
        submit(server.url, "test-print", {})
        line = until(opened, lambda message: message["topic"] == "logs")
        assert line["type"] in ("log", "batch")
        lines = line["items"] if line["type"] == "batch" else [line]
        assert all({"level", "message", "module"} <= each.keys() for each in lines)
    with listening(server, "notifications") as opened:
        good = submit(server.url, "test-noop", {}, name="good")
        told = until(opened, lambda message: message["type"] == "notification" and message["action_url"][-36:] == good)
    assert ("local", True) == (told["user_id"], "good” has completed" in told["title"])


def test_the_server_tells_of_a_lost_worker_and_a_long_queue_and_logs_it(server: ServerProcess) -> None:
    with listening(server, "system", "alerts", "logs") as opened:
        lost = submit(server.url, "test-kill", {})
        events, modules = [], set()
        while not (events and any(name.startswith("api.") for name in modules)):
            message = heard(opened)
            events += [message] if message["type"] == "system_event" else []
            modules |= {
                each["module"]
                for each in message.get("items", [message])
                if each["topic"] == "logs" and "module" in each
            }
        assert ("worker_lost", lost) == (events[0]["event"], events[0]["data"]["task_id"])
        blocker = submit(server.url, "test-steps", {"n": 1000, "delay": 0.1})
        waiting = [submit(server.url, "test-noop", {}) for _ in range(3)]
        alert = until(opened, lambda message: message.get("alert_type") == "queue_long")
        assert "warning" == alert["severity"]
        for task in (blocker, *waiting):
            requests.post(f"{server.url}/api/tasks/{task}/cancel", timeout=10)


def test_a_server_that_stops_says_so_before_it_closes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, listening(server, "system") as opened:
        server.signal(signal.SIGTERM)
        assert "server_stopping" == heard(opened)["event"]


# -- the helpers --------------------------------------------------------------------------------------

ALL = """
import asyncio, math, threading
from api.realtime import *

broadcast_rule_change("r1", "toggled", {"enabled": False})
broadcast_system_event("backup", "backup done", {"seconds": math.nan})
thread = threading.Thread(target=broadcast_alert, args=("disk", "Disk", "full", "critical"))
thread.start()
thread.join()

async def main():
    await broadcast_notification(None, "Hello", "everyone", None)
    await broadcast_log("WARNING", "from afar", "script")
    await broadcast_stats_update({"queue": 3})

asyncio.run(main())
"""


def test_every_helper_reaches_the_listeners_from_another_process(server: ServerProcess) -> None:
    with listening(server, *TOPICS) as opened:
        python(server, ALL)
        found: dict[str, dict[str, Any]] = {}
        while len(found) < 6:
            message = heard(opened)
            for each in message["items"] if message["type"] == "batch" else [message]:
                afar = {"level": "warning", "message": "from afar", "module": "script"}
                if each["topic"] == "stats" and "queue" not in each.get("data", {}):
                    continue
                if each["topic"] == "logs" and not afar.items() <= each.items():
                    continue
                if each["type"] != "subscription" and each.get("event") != "worker_lost":
                    found[each["topic"]] = each
    assert {"rule_id": "r1", "action": "toggled", "details": {"enabled": False}}.items() <= found["rules"].items()
    assert {"event": "backup", "data": {"seconds": None}}.items() <= found["system"].items()
    assert {"alert_type": "disk", "severity": "critical"}.items() <= found["alerts"].items()
    assert {"user_id": None, "action_url": None}.items() <= found["notifications"].items()
    assert all("timestamp" in each for each in found.values())


def test_ten_thousand_lines_of_a_task_leave_as_few_batches_that_count_them_all(server: ServerProcess) -> None:
    with listening(server, "logs", "alerts") as opened:
        task = submit(server.url, "test-announce", {"count": 10_000})
        messages, count, alerts = [], 0, 0
        while count < 10_000 or not alerts:
            message = heard(opened)
            items = message["items"] if message["type"] == "batch" else [message]
            assert len(items) <= 10
            alerts += message.get("title") == "From a task"
            if any(each.get("module") == "test-announce" for each in items):
                count += message.get("count", 1)
                messages.append(message)
    wait_for_status(server.url, task, "completed")
    assert "line 0" == messages[0]["message"]
    assert "line 9999" == messages[-1]["items"][-1]["message"]
    assert len(messages) < 200


def test_a_bad_announcement_is_refused_where_it_is_made() -> None:
    from api.errors import InvalidInput
    from api.realtime import broadcast_alert, broadcast_stats_update, broadcast_system_event

    for call in (
        lambda: broadcast_alert("a", "b", "c", "terrible"),
        lambda: broadcast_stats_update({"x": object()}),
        lambda: broadcast_stats_update([1]),  # type: ignore[arg-type]
        lambda: broadcast_system_event("big", "x" * 40_000, {}),
    ):
        with pytest.raises(InvalidInput):
            call()


# -- Socket.IO ----------------------------------------------------------------------------------------


def test_the_same_over_socketio(server: ServerProcess) -> None:
    client = socketio.Client(reconnection=False)
    box: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    for name in ("connected", "subscription", "unsubscription", "pong", "error", "message"):
        client.on(name, lambda data, name=name: box.put((name, data)), namespace="/realtime")
    client.connect(server.url, namespaces=["/realtime"], wait_timeout=SECONDS)
    try:
        name, greeting = box.get(timeout=SECONDS)
        assert ("connected", sorted(TOPICS)) == (name, sorted(greeting["available_topics"]))
        name, stats = box.get(timeout=SECONDS)
        assert ("message", "stats_update") == (name, stats["type"])
        assert client.call("unsubscribe", {"topic": "stats"}, namespace="/realtime", timeout=SECONDS)["ok"]
        assert client.call("subscribe", {"topic": "alerts"}, namespace="/realtime", timeout=SECONDS)["ok"]
        assert client.call("ping", namespace="/realtime", timeout=SECONDS)["type"] == "pong"
        for event, data in (("subscribe", {"topic": "x"}), ("subscribe", 7), ("nonsense", None), ("message", "x")):
            refusal = client.call(event, data, namespace="/realtime", timeout=SECONDS)
            assert (False, "unknown_event" if event == "nonsense" else "invalid") == (refusal["ok"], refusal["code"])
        submit(server.url, "test-raise", {})
        while (found := box.get(timeout=SECONDS))[1]["type"] != "alert":
            pass
        assert ("message", "task_failed") == (found[0], found[1]["alert_type"])
    finally:
        client.disconnect()


# -- everything around it -----------------------------------------------------------------------------


def test_the_sockets_are_counted(server: ServerProcess) -> None:
    def stats() -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{server.url}/api/ws/stats", timeout=10).json()
        return found

    wait_until(lambda: stats()["connections"]["websocket"] == 0, SECONDS)
    with listening(server, "alerts", "stats") as opened:
        until(opened, lambda message: message["type"] == "stats_update")
        counted = stats()
        assert (1, 1, 1) == (
            counted["connections"]["websocket"],
            counted["subscriptions"]["topics"]["alerts"],
            counted["subscriptions"]["topics"]["stats"],
        )
        assert 1 <= counted["broadcasts"]["stats"]["sent"]
    wait_until(lambda: stats()["subscriptions"]["topics"]["stats"] == 0, SECONDS)


def test_a_listener_that_does_not_read_misses_nothing_but_gets_it_as_a_batch(server: ServerProcess) -> None:
    with listening(server, "alerts") as opened:
        code = """
from api.realtime import broadcast_alert
for n in range(2000):
    broadcast_alert("flood", str(n), "x" * 3000, "info")
"""
        python(server, code)
        count = 0
        while count < 2000:
            message = heard(opened)
            count += message["count"] if message["type"] == "batch" else 1
            last = message["items"][-1] if message["type"] == "batch" else message
    assert (2000, "1999") == (count, last["title"])


def test_a_server_that_stands_by_hears_what_the_other_one_announces(tmp_path: Path) -> None:
    code = "from api.realtime import broadcast_alert\nbroadcast_alert('a', 'to both', 'm', 'info')"
    with (
        ServerProcess(tmp_path) as first,
        ServerProcess(tmp_path, awaits="/api/health") as second,
        listening(first, "alerts") as here,
        listening(second, "alerts") as there,
    ):
        python(first, code)
        assert ["to both"] * 2 == [until(each, lambda m: m["type"] == "alert")["title"] for each in (here, there)]
        submit(second.url, "test-raise", {})
        for each in (here, there):
            assert "task_failed" == until(each, lambda m: m["type"] == "alert")["alert_type"]


def test_gunicorn_serves_topics_too(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, command=gunicorn) as server, listening(server, "alerts") as opened:
        submit(server.url, "test-raise", {})
        assert "task_failed" == until(opened, lambda message: message["type"] == "alert")["alert_type"]


def test_the_admin_ui_is_let_in_by_its_password_only(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, env={"RUNCAST_SOCKETIO_ADMIN_PASSWORD": "correct horse"}) as server:
        for auth in (None, {"username": "admin", "password": "wrong"}, {"username": "x", "password": "correct horse"}):
            client = socketio.Client(reconnection=False)
            with pytest.raises(socketio.exceptions.ConnectionError):
                client.connect(server.url, namespaces=["/admin"], auth=auth, wait_timeout=SECONDS)
        client = socketio.Client(reconnection=False)
        box: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        for name in ("config", "server_stats"):
            client.on(name, lambda data, name=name: box.put((name, data)), namespace="/admin")
        auth = {"username": "admin", "password": "correct horse"}
        client.connect(server.url, namespaces=["/admin"], auth=auth, wait_timeout=SECONDS)
        found = dict(box.get(timeout=SECONDS) for _ in range(2))
        assert ["AGGREGATED_EVENTS"] == found["config"]["supportedFeatures"]
        assert 1 <= found["server_stats"]["clientsCount"]
        client.emit("join", ("/tasks", "some-room"), namespace="/admin")
        client.emit("_disconnect", ("/", True), namespace="/admin")
        submit(server.url, "test-noop", {})  # it still works beside it
        assert box.get(timeout=SECONDS)[0] == "server_stats"
        client.disconnect()
