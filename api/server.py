"""The server: `python api/server.py`, `runcast serve`, or `api.server:app` for an HTTP server of your own.

    from api.server import app, socketio, emit_task_update

Importing this module starts and patches nothing; the application is made when the first of these
names is asked for, once in a process.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # as a script, `sys.path` begins with this folder, whose modules would hide others
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if TYPE_CHECKING:
    from flask import Flask
    from flask_socketio import SocketIO

    app: Flask
    socketio: SocketIO

_made: Any = None
_making = threading.Lock()


def runcast() -> Any:
    """The application of this process, `api.app.Runcast`; made by the first call."""
    global _made
    with _making:
        if _made is None:
            from api.app import create_app

            _made = create_app()
            _made.app.before_request(_made.start)  # under an HTTP server that does not call start()
    return _made


def stop() -> None:
    """End what `runcast` made in this process, if it did."""
    if _made is not None:
        _made.stop()


def emit_task_update(task_id: str, event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Commit one event of a task, then tell everyone; returns the envelope as stored.

    From any thread of any process that has the same settings. `InvalidInput` for a wrong type or data,
    `NotFound`, `Conflict` where the lifecycle forbids it, `Unavailable` while the journal is down.
    """
    envelope: dict[str, Any] = runcast().emitter.emit(task_id, event_type, data).envelope()
    return envelope


def __getattr__(name: str) -> Any:
    if name in ("app", "socketio"):
        return getattr(runcast(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; exits with a sentence on stderr when the settings are wrong."""
    from api.errors import ConfigError
    from api.runtime.patch import patch

    try:
        patch(_async_mode())
        from api.serving.run import run

        run(runcast)
    except ConfigError as error:
        raise SystemExit(f"runcast: {error}") from None


def _async_mode() -> str:
    """Needed before anything else can be imported, the settings included."""
    from dotenv import dotenv_values

    name = "RUNCAST_ASYNC_MODE"
    return os.environ.get(name) or dotenv_values(".env").get(name) or "eventlet"


if __name__ == "__main__":
    from api.server import main as imported_main  # so that there is one application and not two

    imported_main()
