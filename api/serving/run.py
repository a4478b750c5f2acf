"""Run the server until a signal: the body of `python api/server.py` and of `runcast serve`."""

from __future__ import annotations

import errno
import importlib
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

from api.app import Runcast
from api.config import OPEN_WARNING, load_settings
from api.errors import ConfigError
from api.log import configure_logging, get_logger
from api.runtime.choose import current_runtime
from api.serving.connections import Connections, allow_many

_log = get_logger(__name__)
LOOK_SECONDS = 0.1
"""A signal that the kernel hands to another thread does not wake the main one, which alone acts on it."""
_SERVERS = {
    "eventlet": "api.serving.eventlet_server:EventletServer",
    "gevent": "api.serving.gevent_server:GeventServer",
    "threading": "api.serving.threads_server:ThreadsServer",
}


class Server(Protocol):
    port: int
    connections: Connections

    def start(self) -> None: ...
    def stop(self) -> None: ...


def run(make: Callable[[], Runcast]) -> None:
    """Serve what `make` returns until SIGTERM or SIGINT, then stop within the grace.

    `ConfigError` for wrong settings.
    """
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    allow_many()
    runcast = make()
    server = _listen(runcast)
    asked: list[int] = []  # no waiter: setting one takes a lock, which the interrupted code may hold
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: asked.append(number))
    server.start()
    runcast.start()
    _announce(runcast, server.port)
    while not asked:
        current_runtime().sleep(LOOK_SECONDS)
    _log.info("stopping")
    server.stop()
    runcast.goodbye()
    server.connections.drain(current_runtime().sleep)
    runcast.stop()
    _log.info("stopped")


def _listen(runcast: Runcast) -> Server:
    settings = runcast.settings
    module, name = _SERVERS[current_runtime().name].split(":")
    kind: Any = getattr(importlib.import_module(module), name)
    try:
        server: Server = kind(runcast.app, settings.host, settings.port, settings.reader_patience_seconds)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from None
        raise ConfigError(
            f"port {settings.port} is in use: stop the other server, or set RUNCAST_PORT to another port"
        ) from None
    return server


def _announce(runcast: Runcast, port: int) -> None:
    settings = runcast.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.open:
        _log.warning("open_to_everybody", reason=OPEN_WARNING)
    _log.info("listening", url=f"http://{host}:{port}", data_dir=str(settings.data_dir.resolve()))
    print(f"Runcast is listening on http://{host}:{port}", file=sys.stdout, flush=True)
