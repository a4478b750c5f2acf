"""Who is measured."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.peers.process import NODE, no_node

Missing = Callable[[], str]


def _nothing() -> str:
    return ""


def _without(*packages: str) -> Missing:
    def missing() -> str:
        absent = [package for package in packages if find_spec(package) is None]
        return f"{', '.join(absent)} not installed" if absent else ""

    return missing


@dataclass(frozen=True)
class Side:
    label: str
    command: Sequence[str]
    """Takes the port of the control connection as its last argument."""
    missing: Missing = _nothing
    """Why it cannot take part; empty if it can."""
    usual: bool = True
    """Measured unless others are asked for."""


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.fanout.servers.{module}", *arguments]


def flask_server(kind: str, mode: str) -> list[str]:
    """The command of an application on Flask: see `servers/flask_server.py` for the kinds."""
    return _python("flask_server", kind, mode)


_GEVENT, _ASGI = _without("gevent"), _without("uvicorn", "websockets")
SIDES = {
    "fanout": Side("api.fanout, eventlet", flask_server("fanout", "eventlet")),
    "fanout-gevent": Side("api.fanout, gevent", flask_server("fanout", "gevent"), _GEVENT, usual=False),
    "fanout-threading": Side("api.fanout, threading", flask_server("fanout", "threading"), usual=False),
    "flask": Side("Flask-SocketIO, eventlet", flask_server("stock", "eventlet")),
    "flask-gevent": Side("Flask-SocketIO, gevent", flask_server("stock", "gevent"), _GEVENT),
    "asgi": Side("python-socketio, uvicorn", _python("asgi_server"), _ASGI),
    "node": Side("Node's socket.io", ["node", "--expose-gc", str(NODE / "fanout.mjs")], no_node),
    "plain": Side("plain sockets", _python("plain_server")),
}
"""`plain` is the limit, `node` what the ratios are to."""
