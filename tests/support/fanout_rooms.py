"""A chat on `api.fanout.SocketIO`, as any application of Flask-SocketIO would have it: rooms, acks, namespaces.

    python -m tests.support.fanout_rooms --port 5001 --mode eventlet
    gunicorn -c tests/support/fanout_gunicorn.py -k eventlet "tests.support.fanout_rooms:wsgi('eventlet')"

It is served by the mode's own WSGI server and hub, or by gunicorn: nothing of the product but the class.
"""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

from api.runtime.patch import MODES, patch

HOST = "127.0.0.1"
NAMESPACES = ("/", "/a", "/b")
BATCH = 20
"""Emits between two turns of the hub, where an emitter lets others have one."""
UPGRADE_SECONDS = 20.0
SWITCH_SECONDS = 0.0001
"""Fifty times as often as Python does: threads meet in the middle of what they do."""
Step = Sequence[Any]


class Rooms:
    """The handlers of one namespace; they are the same in all of them."""

    def __init__(self, socketio: Any, namespace: str) -> None:
        self._socketio = socketio
        self._namespace = namespace
        self._emit = partial(socketio.emit, namespace=namespace)
        for name in dir(self):
            if name.startswith("on_"):
                socketio.on_event(name.removeprefix("on_"), getattr(self, name), namespace=namespace)

    @property
    def _sid(self) -> str:
        from flask import request

        return str(request.sid)  # type: ignore[attr-defined]  # of Flask-SocketIO

    def on_connect(self, auth: Any = None) -> None:
        """`greetings`: how many are emitted before the client knows that it is connected; `refused`: it is not."""
        wishes = auth or {}
        if wishes.get("refused"):
            from flask_socketio import ConnectionRefusedError as Refused

            raise Refused("come back later")
        for number in range(wishes.get("greetings", 0)):
            self._emit("greeting", number, to=self._sid)
        if wishes.get("counted"):
            self._socketio.start_background_task(self._count, self._sid, wishes["counted"])

    def on_sid(self) -> str:
        return self._sid

    def on_echo(self, *values: Any) -> Any:
        return values

    def on_enter(self, room: str, *sids: str) -> None:
        for sid in sids or (self._sid,):
            self._act("enter", sid, room)

    def on_exit(self, room: str) -> None:
        self._act("exit", self._sid, room)

    def on_tell(self, room: str, value: Any, skipped: Sequence[str] = ()) -> None:
        self._emit("told", value, to=room, skip_sid=list(skipped))

    def on_tell_all(self, value: Any) -> None:
        self._emit("told", value)

    def on_tell_later(self, room: str, value: Any) -> None:
        """From a background task, which outlives the handler."""
        self._socketio.start_background_task(self._emit, "told", value, to=room)

    def on_ask(self, sid: str, *values: Any) -> None:
        """The client `sid` is asked; what it acknowledges is told to the caller."""
        self._emit("question", values, to=sid, callback=partial(self._answered, self._sid))

    def on_act(self, *steps: Step) -> None:
        """Several steps in one turn of the hub."""
        for step in steps:
            self._act(*step)

    def on_burst(self, room: str, first: int, count: int, moves: Sequence[Step] = ()) -> int:
        """Numbers to a room in one turn, and each tenth to the caller too; the acknowledgement is the one after.

        `moves` are [number, step...]: steps that are taken just before that number.
        """
        steps = defaultdict(list)
        for number, *step in moves:
            steps[number].append(step)
        for number in range(first, first + count):
            for step in steps[number]:
                self._act(*step)
            self._emit("number", number, to=room)
            if number % 10 == 0:
                self._emit("direct", number, to=self._sid)
        return first + count

    def on_crossfire(self, room: str, shooters: int, count: int, size: int) -> None:
        """So many background tasks at once, each with `count` binary messages to the room."""
        for shooter in range(shooters):
            self._socketio.start_background_task(self._shoot, room, shooter, count, size)

    def on_flood(self, first: int, count: int, size: int) -> None:
        """`count` large messages to the caller in one turn."""
        for number in range(first, first + count):
            self._emit("drop", (number, "x" * size), to=self._sid)

    def on_pulse(self, room: str, count: int, first: int = 0) -> None:
        """Numbers to a room, with a turn for others after each."""
        self._socketio.start_background_task(self._pulse, room, count, first)

    def _act(self, kind: str, *arguments: Any) -> None:
        server = self._socketio.server
        match kind, *arguments:
            case "emit", to, value:
                self._emit("told", value, to=to)
            case "enter", sid, room:
                server.enter_room(sid, room, namespace=self._namespace)
            case "exit", sid, room:
                server.leave_room(sid, room, namespace=self._namespace)
            case "close", room:
                self._socketio.close_room(room, namespace=self._namespace)
            case "disconnect", sid:
                server.disconnect(sid, namespace=self._namespace)
            case "hang up", sid:
                eio_sid = server.manager.eio_sid_from_sid(sid, self._namespace)
                self._socketio.start_background_task(server.eio.disconnect, eio_sid)  # it waits for what is queued
            case _:
                raise ValueError(f"no such step: {kind}")

    def _answered(self, asker: str, *values: Any) -> None:
        self._emit("answered", values, to=asker)

    def _pulse(self, room: str, count: int, first: int) -> None:
        for number in range(first, first + count):
            self._emit("number", number, to=room)
            self._socketio.sleep(0)

    def _shoot(self, room: str, shooter: int, count: int, size: int) -> None:
        for number in range(count):
            self._emit("shot", (shooter, number, bytes([shooter]) * size), to=room)
            if number % 3 == 0:
                self._socketio.sleep(0)

    def _count(self, sid: str, after: int) -> None:
        """Numbers from before the upgrade of a connection until `after` more have followed it; then both counts."""
        number, before, left, rounds = 0, 0, after, int(UPGRADE_SECONDS * 1000)
        while left > 0 and rounds > 0:
            for _ in range(BATCH):
                self._emit("number", number, to=sid)
                number += 1
            try:
                upgraded = self._socketio.server.transport(sid, namespace=self._namespace) == "websocket"
            except KeyError:
                return  # it is gone
            left, before = (left - BATCH, before) if upgraded else (left, number)
            rounds -= 1
            self._socketio.sleep(0.001)
        self._emit("counted", (number, before), to=sid)


def create(mode: str, **options: Any) -> tuple[Any, Any]:
    """(Flask application, SocketIO) of this process, which is patched already."""
    from flask import Flask, request

    from api.fanout import SocketIO

    app = Flask(__name__)
    socketio = SocketIO(
        app,
        async_mode=mode,
        cors_allowed_origins="*",
        max_message_bytes=1_000_000,  # some tests send large ones
        **options,
    )
    for namespace in NAMESPACES:
        Rooms(socketio, namespace)

    @app.get("/state")
    def state() -> Any:
        """What the server holds: Engine.IO connections, and who is in which namespace.

        Closed ones are not counted: under werkzeug python-engineio sweeps them up within a ping's time-out.
        """
        sockets = list(socketio.server.eio.sockets.values())
        rooms = socketio.server.manager.rooms
        members = {namespace: list(rooms.get(namespace, {}).get(None, ())) for namespace in NAMESPACES}
        return {"sockets": sum(not each.closed for each in sockets), "members": members}

    @app.post("/tell")
    def tell() -> Any:
        """An emit outside of any handler of Socket.IO."""
        body = request.get_json()
        socketio.emit("told", body["value"], to=body["room"], namespace=body.get("namespace", "/"))
        return {}

    return app, socketio


def wsgi(mode: str, **options: Any) -> Any:
    """For a server that patches by itself."""
    app, _socketio = create(mode, **options)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", choices=MODES, required=True)
    parser.add_argument("--redis", help="the URL of a message queue that several servers share")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for a reader that takes nothing")
    parser.add_argument("--serializer", help="`msgpack`, in place of JSON")
    parser.add_argument("--pings", type=float, help="seconds between pings, and for their answers")
    parser.add_argument("--certfile", help="serve over TLS, on eventlet; with --keyfile")
    parser.add_argument("--keyfile")
    arguments = parser.parse_args()
    patch(arguments.mode)
    options = {
        "message_queue": arguments.redis,
        "serializer": arguments.serializer,
        "ping_interval": arguments.pings,
        "ping_timeout": arguments.pings,
    }
    given = {name: value for name, value in options.items() if value is not None}
    app, socketio = create(arguments.mode, patience_seconds=arguments.patience, **given)
    tls = {"certfile": arguments.certfile, "keyfile": arguments.keyfile} if arguments.certfile else {}
    serve(app, socketio, arguments.port, **tls)


def serve(app: Any, socketio: Any, port: int, **tls: str) -> None:
    """As `socketio.run` does, but for the listener: an answer to a poll may take 40 ms without TCP_NODELAY."""
    if socketio.async_mode == "gevent":
        from gevent.pywsgi import WSGIServer

        server = WSGIServer((HOST, port), app, log=None)
        server.init_socket()
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.serve_forever()
    elif socketio.async_mode == "eventlet":
        import eventlet
        import eventlet.wsgi

        listener = eventlet.listen((HOST, port))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            listener = eventlet.wrap_ssl(listener, server_side=True, **tls)
        eventlet.wsgi.server(listener, app, log_output=False)
    else:
        sys.setswitchinterval(SWITCH_SECONDS)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        socketio.run(app, host=HOST, port=port, allow_unsafe_werkzeug=True)


if __name__ == "__main__":
    main()
