"""What the tests of the client share: a record of its callbacks, and events to feed it with."""

from __future__ import annotations

from typing import Any

from api.errors import ClientError
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer

Json = dict[str, Any]
RUNNING = ("status_change", {"status": "running"})
COMPLETED = ("status_change", {"status": "completed"})
DEADLINE = 30.0


class Recorded:
    """What a client's callbacks were told."""

    def __init__(self, client: TaskWebSocketClient) -> None:
        self.seqs: dict[str, list[int]] = {}
        self.states: list[tuple[str, str]] = []
        self.resets: list[str] = []
        self.lags: list[Json] = []
        self.refusals: list[ClientError] = []
        client.on_event = lambda task_id, envelope: self.seqs.setdefault(task_id, []).append(envelope["seq"])
        client.on_connection_change = lambda state, detail: self.states.append((state, detail))
        client.on_reset = lambda task_id, _: self.resets.append(task_id)
        client.on_lagged = lambda _, notice: self.lags.append(notice)
        client.on_refused = lambda _, error: self.refusals.append(error)

    def times(self, state: str) -> int:
        return [seen for seen, _ in self.states].count(state)


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def feed(server: ScriptedServer, task_id: str, n: int) -> None:
    for step in range(n):
        server.append(task_id, "progress", {"n": step})
