"""A scripted server, a network that fails on command, and a client behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import Recorded


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[Wire]:
    with Wire(server.port) as relay:
        yield relay


@pytest.fixture
def client(wire: Wire) -> Iterator[TaskWebSocketClient]:
    following = TaskWebSocketClient(wire.url)
    yield following
    following.disconnect()


@pytest.fixture
def seen(client: TaskWebSocketClient) -> Recorded:
    return Recorded(client)
