"""A Python client that is away for 30 s amid 1,000 events has each of them once and in order."""

from __future__ import annotations

from typing import Any

import pytest

from api.websocket_client import TaskWebSocketClient
from tests.support.absence import EVENTS, PATIENCE, TICKS, go_away
from tests.support.events import history, submit
from tests.support.servers import ServerProcess
from tests.support.wire import Wire


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_client_that_is_away_for_30_s_misses_nothing(
    server: ServerProcess, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if transport == "polling":
        monkeypatch.setattr("engineio.client.websocket", None)  # as behind a proxy that lets no WebSocket through
    task_id = submit(server.url, "test-ticks", TICKS)
    seen: list[dict[str, Any]] = []
    phases: list[str] = []
    with Wire(server.port) as wire:
        client = TaskWebSocketClient(wire.url)
        client.on_event = lambda _task_id, envelope: seen.append(envelope)
        client.on_connection_change = lambda phase, _detail: phases.append(phase)
        client.on_reset = lambda _task_id, _data: phases.append("reset")
        client.connect()
        assert transport == client.sio.transport()
        client.subscribe(task_id, since=0)
        go_away(wire, lambda: len(seen))
        assert "completed" == client.wait_for_completion(PATIENCE)
        client.disconnect()
    assert history(server.url, task_id) == seen
    assert len(seen) > EVENTS
    assert {"live", "reconnecting"} == set(phases)
