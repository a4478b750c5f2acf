"""Servers for the conformance tests: three async modes, shared by the tests of one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.fanout_servers import FanoutServer

MODES = ("eventlet", "gevent", "threading")
Launch = Callable[..., FanoutServer]


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def launched() -> list[FanoutServer]:
    """Those that run."""
    return []


@pytest.fixture(scope="module")
def launch(mode: str, launched: list[FanoutServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """`launch("--echo")`: a server with these arguments, for as long as the mode is being tested."""
    with ExitStack() as stack:

        def start(*arguments: str) -> FanoutServer:
            server = stack.enter_context(FanoutServer(tmp_path_factory.mktemp(mode), mode, *arguments))
            launched.append(server)
            return server

        yield start
        launched.clear()


@pytest.fixture(autouse=True)
def _no_traceback(launched: list[FanoutServer]) -> Iterator[None]:
    """Whatever a client does, it is no error of the server's."""
    yield
    for server in launched:
        server.state()
        log = server.new_log()
        assert "Traceback" not in log, log
