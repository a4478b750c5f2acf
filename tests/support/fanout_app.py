"""A small app on `api.fanout.SocketIO`, written as a stranger would: what the conformance tests talk to.

    python tests/support/fanout_app.py --port 3000 --mode eventlet          # Socket.IO, at /socket.io/
    python tests/support/fanout_app.py --port 3000 --mode eventlet --echo   # bare Engine.IO, at /engine.io/

`GET /state` tells what the server holds: see `State`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])  # `api` of this checkout, whichever is installed

NAMESPACES = ("/", "/custom")


class State:
    """What a test may ask the server for in place of waiting and hoping."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        """Query strings of the Engine.IO requests that are being answered: a poll that hangs is one."""
        self.members: list[str] = []
        """Socket.IO ids of who came and has not gone, as the app's own handlers heard it."""
        self.ended: dict[str, str] = {}
        """Engine.IO id to the reason that the echo's handler was given."""

    def watching(self, app: Any) -> Any:
        """The WSGI app, with its requests counted."""

        def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            query = environ.get("QUERY_STRING", "")
            self.requests.append(query)
            try:
                response: Iterable[bytes] = app(environ, start_response)
            finally:
                self.requests.remove(query)
            return response

        return call


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse(arguments)
    from api.runtime.patch import patch

    patch(options.mode)
    from flask import Flask

    from api.fanout import SocketIO

    app, state = Flask(__name__), State()
    settings = {name: value for name, value in _settings(options).items() if value is not None}
    socketio = SocketIO(app, async_mode=options.mode, cors_allowed_origins="*", **settings)
    (_echo if options.echo else _talk)(socketio, state)
    app.wsgi_app = state.watching(app.wsgi_app)  # type: ignore[method-assign]  # as Flask says to

    @app.get("/state")
    def tell() -> dict[str, Any]:
        sids = list(socketio.server.eio.sockets)
        return {"sids": sids, "requests": state.requests, "members": state.members, "ended": state.ended}

    more = {"allow_unsafe_werkzeug": True} if options.mode == "threading" else {}
    socketio.run(app, host="127.0.0.1", port=options.port, **more)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A small app for the conformance tests")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", choices=("eventlet", "gevent", "threading"), required=True)
    parser.add_argument("--echo", action="store_true", help="bare Engine.IO that sends every message back")
    parser.add_argument("--ping-interval", type=float, default=0.3, help="seconds")
    parser.add_argument("--ping-timeout", type=float, default=0.2, help="seconds")
    parser.add_argument("--connect-timeout", type=float, help="seconds; as the class has it if not given")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "path": "engine.io" if options.echo else None,
        "ping_interval": options.ping_interval,
        "ping_timeout": options.ping_timeout,
        "connect_timeout": options.connect_timeout,
        # else what a connect handler emits goes out before the packet that says it is connected
        "always_connect": True,
    }


def _echo(socketio: Any, state: State) -> None:
    """Engine.IO alone: its handlers replaced by the app's own."""
    eio = socketio.server.eio
    eio.on("connect", lambda sid, environ: None)
    eio.on("message", lambda sid, data: eio.send(sid, data))
    eio.on("disconnect", lambda sid, reason: state.ended.update({sid: reason}))


def _talk(socketio: Any, state: State) -> None:
    from flask import request
    from flask_socketio import close_room, disconnect, emit, join_room, leave_room

    def connected(auth: Any = None) -> None:
        state.members.append(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO's
        emit("auth", auth or {})

    def disconnected(*reason: Any) -> None:
        state.members.remove(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO adds it

    def message(*args: Any) -> None:
        emit("message-back", args)

    def message_with_ack(*args: Any) -> tuple[Any, ...]:
        return args

    def ask(*args: Any) -> None:
        """Asks the same back, and tells what the answer was."""
        sid, namespace = request.sid, request.namespace  # type: ignore[attr-defined]  # see above

        def answered(*answer: Any) -> None:
            socketio.emit("answered", answer, to=sid, namespace=namespace)

        emit("question", args, callback=answered)

    def burst(room: str, count: int, out: int = -1, back: int = -1) -> None:
        """Numbers to the room in one turn; the sender is out of it from number `out` until `back`."""
        for number in range(count):
            if number == out:
                leave_room(room)
            if number == back:
                join_room(room)
            emit("number", number, to=room)

    def others(room: str, *args: Any) -> None:
        emit("message-back", args, to=room, include_self=False)

    handlers = {
        "connect": connected,
        "disconnect": disconnected,
        "message": message,
        "message-with-ack": message_with_ack,
        "ask": ask,
        "join": lambda room: join_room(room),
        "leave": lambda room: leave_room(room),
        "empty": lambda room: close_room(room),
        "burst": burst,
        "others": others,
        "kick": lambda: disconnect(),
    }
    for namespace in NAMESPACES:
        for event, handler in handlers.items():
            socketio.on_event(event, handler, namespace=namespace)


if __name__ == "__main__":
    main()
