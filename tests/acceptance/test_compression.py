"""WebSockets are compressed only where the operator and the client both want it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from websockets.sync.client import connect

from tests.support.events import NAMESPACE, history
from tests.support.servers import ServerProcess

NOISE = "the same words again and again; " * 40


@pytest.mark.parametrize("mode", ["eventlet", "gevent", "threading"])
@pytest.mark.parametrize("setting", ["off", "on"])
def test_a_client_that_offers_compression_gets_it_where_it_is_on(
    start_server: Callable[..., ServerProcess], mode: str, setting: str
) -> None:
    server = start_server(env={"RUNCAST_ASYNC_MODE": mode, "RUNCAST_COMPRESSION": setting})
    task = requests.post(f"{server.url}/api/tasks", json={"type": "external"}, timeout=10).json()["task_id"]
    events = [{"event_type": "log", "data": {"level": "info", "message": NOISE}}] * 20
    with connect(f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket") as client:
        agreed = client.response.headers.get("Sec-WebSocket-Extensions")  # type: ignore[union-attr]  # it is connected
        client.send(f"40{NAMESPACE},")
        client.send(f"42{NAMESPACE},{json.dumps(['subscribe', {'task_id': task, 'since': 0, 'x': NOISE}])}")
        requests.post(f"{server.url}/api/tasks/{task}/events", json=events, timeout=10).raise_for_status()
        heard = []
        while len(heard) < 21:
            message = client.recv(10)
            if "task_update" in message:
                heard.append(json.loads(message.partition(",")[2])[1])
    assert history(server.url, task) == heard
    assert ("permessage-deflate" in (agreed or "")) is (setting == "on")
