"""`runcast serve`: the same server as `python api/server.py`, with options for address and port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import requests

from tests.support.servers import ServerProcess


def by_command(port: int) -> Sequence[str]:
    return [
        sys.executable,
        "-c",
        "from api.cli import main; main()",
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]


def test_it_serves_on_the_port_asked_for_and_stops_when_told(start_server: Callable[..., ServerProcess]) -> None:
    """The option goes before the environment variable, and the standard library is patched in time."""
    server = start_server(command=by_command, env={"RUNCAST_PORT": "1"})
    assert requests.get(f"{server.url}/api/health", timeout=10).json()["status"] == "ok"
    assert 0 == server.stop()
    assert "Traceback" not in server.log_text()
    assert "monkey" not in server.log_text()
