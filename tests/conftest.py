"""Fixtures that every kind of test shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from socketio.base_client import reconnecting_clients

from api.websocket_client import TaskWebSocketClient
from tests.support.certificates import Certificate, self_signed
from tests.support.servers import ServerProcess
from tests.support.waiting import client_threads, wait_until

pytest_plugins = ["tests.support.distribution"]


@pytest.fixture(scope="module", autouse=True)
def _no_client_left() -> Iterator[None]:
    """One that goes on trying to come back would disturb whichever tests come next."""
    yield
    wait_until(
        lambda: not (reconnecting_clients or client_threads()), 5, lambda: f"{reconnecting_clients} {client_threads()}"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server of `python api/server.py`, shared by the tests of one file."""
    with ServerProcess(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificate]:
    """One that the clients of the tests trust."""
    with self_signed(tmp_path_factory.mktemp("certificate")) as made:
        yield made


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers of one test's own: `start_server(env={...}, command=...)`; all end with the test."""
    with ExitStack() as stack:

        def start(name: str = "data", **options: Any) -> ServerProcess:
            return stack.enter_context(ServerProcess(tmp_path / name, **options))

        yield start


@pytest.fixture
def new_client() -> Iterator[Callable[[str], TaskWebSocketClient]]:
    """Python clients by URL; a test that fails leaves none of them behind, to be found by the next."""
    with ExitStack() as stack:

        def new(url: str) -> TaskWebSocketClient:
            client = TaskWebSocketClient(url)
            stack.callback(client.disconnect)
            return client

        yield new
