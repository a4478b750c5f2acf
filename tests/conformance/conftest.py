"""Servers for the conformance tests: in three async modes, each started when first asked for and shared by all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.talking import Peer
from tests.support.fanout_servers import FanoutServer

MODES = ("eventlet", "gevent", "threading")
CALM = ("--ping-interval", "25", "--ping-timeout", "20")
"""Pings that come too late to be seen in a test, or to free a session that should be freed at once."""
Launch = Callable[..., FanoutServer]


@pytest.fixture(scope="session", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def launched() -> list[FanoutServer]:
    """Those that run."""
    return []


@pytest.fixture(scope="session")
def launch(mode: str, launched: list[FanoutServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """`launch("--echo")`: a server with these arguments, for as long as the mode is being tested."""
    with ExitStack() as stack:

        def start(*arguments: str) -> FanoutServer:
            server = stack.enter_context(FanoutServer(tmp_path_factory.mktemp(mode), mode, *arguments))
            launched.append(server)
            return server

        yield start
        launched.clear()


@pytest.fixture(scope="session")
def echo(launch: Launch) -> FanoutServer:
    """Engine.IO, with calm pings."""
    return launch("--echo", *CALM)


@pytest.fixture(scope="session")
def quick_echo(launch: Launch) -> FanoutServer:
    """Engine.IO, with a ping every 0.3 s that is waited for 0.2 s."""
    return launch("--echo")


@pytest.fixture(scope="session")
def talk(launch: Launch) -> FanoutServer:
    """Socket.IO, with calm pings."""
    return launch(*CALM)


@pytest.fixture(scope="session")
def quick_talk(launch: Launch) -> FanoutServer:
    """Socket.IO, with a ping every 0.3 s that is waited for 0.2 s."""
    return launch()


@pytest.fixture(scope="session")
def hasty_talk(launch: Launch) -> FanoutServer:
    """Socket.IO, with calm pings; waits 0.4 s for somebody to connect to a namespace."""
    return launch("--connect-timeout", "0.4", *CALM)


@pytest.fixture
def peer(talk: FanoutServer) -> Iterator[Peer]:
    """Connected to the main namespace."""
    with Peer(talk, "/") as connected:
        yield connected


@pytest.fixture(autouse=True)
def _no_traceback(launched: list[FanoutServer]) -> Iterator[None]:
    """Whatever a client does, it is no error of the server's."""
    yield
    for server in launched:
        server.state()
        log = server.new_log()
        assert "Traceback" not in log, log
