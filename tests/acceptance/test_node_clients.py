"""The plain WebSockets with a client in Node, as the older systems' own are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.events import submit
from tests.support.players.js_player import FOLDER
from tests.support.servers import ServerProcess
from tests.support.services import node_modules, require

SHORT = {"epochs": 60, "hidden_layers": [8], "batch_size": 8, "patience": 0}


class NodeClient:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, message: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
        self._process.stdin.flush()

    def next(self) -> list[Any]:
        """`["open"]`, `["message", …]` or `["close", code, reason]`."""
        assert self._process.stdout is not None
        line: list[Any] = json.loads(self._process.stdout.readline())
        return line

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Every message up to the one that is wanted."""
        messages: list[dict[str, Any]] = []
        while not messages or not wanted(messages[-1]):
            kind, message = self.next()
            assert "message" == kind
            messages.append(message)
        return messages


@contextmanager
def node(server: ServerProcess, path: str) -> Iterator[NodeClient]:
    node_modules(FOLDER)
    command = [require("node"), str(FOLDER / "plain_client.mjs"), server.url.replace("http", "ws") + path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        client = NodeClient(process)
        assert ["open"] == client.next()
        yield client
        process.kill()


def test_a_task_from_node(server: ServerProcess) -> None:
    task = submit(server.url, "test-steps", {"n": 10, "delay": 0.3})
    with node(server, f"/ws/task/{task}") as client:
        client.say("ping")
        messages = client.until(lambda message: message["type"] == "complete")
        assert ["close", 1000] == client.next()[:2]
    kinds = [message["type"] for message in messages]
    assert "connected" == kinds[0]
    assert {"pong", "progress"} <= set(kinds)


def test_a_refusal_from_node(server: ServerProcess) -> None:
    with node(server, "/ws/task/none") as client:
        assert ["close", 1008, "There is no such task."] == client.next()


@pytest.mark.parametrize("name", ["all", "{job}"])
def test_a_training_from_node(server: ServerProcess, name: str) -> None:
    job = submit(server.url, "training", SHORT)
    with node(server, f"/ws/training/{name.format(job=job)}") as client:
        client.say({"type": "heartbeat"})
        messages = client.until(lambda message: message["type"] == "training_complete" and message["job_id"] == job)
    kinds = [message["type"] for message in messages if message.get("job_id") in (None, job)]
    assert {"status_update", "epoch_complete", "heartbeat", "training_complete"} <= set(kinds)
    assert 60 == messages[-1]["epochs"]


def test_topics_from_node(server: ServerProcess) -> None:
    with node(server, "/ws/realtime") as client:
        for message in ({"action": "subscribe", "topic": "alerts"}, {"type": "ping"}, "rubbish"):
            client.say(message)
        heard = client.until(lambda message: message["type"] == "error")
        assert {"connected", "subscription", "pong"} <= {message["type"] for message in heard}
        task = submit(server.url, "test-raise", {})
        (*_, alert) = client.until(lambda message: message["type"] == "alert")
        assert task in alert["action_url"]
