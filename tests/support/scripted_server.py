"""A server that speaks the `/tasks` namespace and a little REST, with a journal in memory and faults on demand.

The clients' unit tests run against it: a real socket, and every fault that a real server shows too seldom.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import socketio
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Json = dict[str, Any]


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class ScriptedServer:
    """`with ScriptedServer() as server:` serves at `server.url` until the block ends."""

    def __init__(self, *, ping_interval: int = 25, ping_timeout: int = 20) -> None:
        """The times of the pings in whole seconds, as Engine.IO announces them."""
        self.epoch = "e1"
        self.events: dict[str, list[Json]] = {}
        self.requests: list[tuple[str, Json]] = []
        """Every Socket.IO request, in order: (event, data)."""
        self.refuse_connections = 0
        """So many next connects to the namespace are refused."""
        self.silent: set[str] = set()
        """Events that are heard and never answered."""
        self.refusals: dict[str, Json] = {}
        """Event → the acknowledgement that refuses it."""
        self.rest: dict[tuple[str, str], Callable[[Request], Response]] = {}
        """(method, path) → answer, before those built in."""
        self._lock = threading.RLock()
        self.sio = socketio.Server(
            async_mode="threading",
            cors_allowed_origins="*",
            logger=False,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
        )
        for event in ("subscribe", "unsubscribe", "control"):
            self.sio.on(event, self._handler(event), namespace="/tasks")
        self.sio.on("connect", self._connect, namespace="/tasks")
        app = socketio.WSGIApp(self.sio, self._rest)
        self._http = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        self._http.daemon_threads = True
        self.port: int = self._http.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, name="scripted", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def task(self, *events: tuple[str, Json]) -> str:
        """A new task with these events stored; returns its id."""
        task_id = str(uuid.uuid4())
        self.events[task_id] = []
        for event_type, data in events:
            self.append(task_id, event_type, data)
        return task_id

    def append(self, task_id: str, event_type: str, data: Json, *, lose: bool = False) -> Json:
        """Store one event and, unless it is to be lost on the way, send it to who listens."""
        with self._lock:
            seq = len(self.events[task_id]) + 1
            envelope = {
                "task_id": task_id,
                "seq": seq,
                "event_type": event_type,
                "data": data,
                "timestamp": "2026-01-01T00:00:00.000000Z",
            }
            self.events[task_id].append(envelope)
            if not lose:
                self.sio.emit("task_update", envelope, to=task_id, namespace="/tasks")
        return envelope

    def say(self, event: str, data: Json, task_id: str) -> None:
        """Send any message to the listeners of a task."""
        with self._lock:
            self.sio.emit(event, data, to=task_id, namespace="/tasks")

    def reset(self, task_id: str) -> None:
        """Start every listener of a task anew, unasked, as where history was trimmed under a slow reader."""
        with self._lock:
            stored = self.events[task_id]
            self.say("subscribed", {**self._place(task_id), "recovered": False}, task_id)
            for envelope in _latest(stored):
                self.say("task_update", envelope, task_id)

    def status(self, task_id: str) -> str:
        status = "pending"
        for envelope in self.events[task_id]:
            status = envelope["data"].get("status", status)
        return status

    def kick(self) -> None:
        """Disconnect every client from the namespace, as a server does that shuts down."""
        for sid in list(self._sids()):
            self.sio.disconnect(sid, namespace="/tasks")

    def _sids(self) -> Iterable[str]:
        return [sid for sid, _ in self.sio.manager.get_participants("/tasks", None)]

    def _connect(self, sid: str, environ: Json, auth: Json | None = None) -> None:
        self.requests.append(("connect", auth or {}))
        if self.refuse_connections:
            self.refuse_connections -= 1
            raise socketio.exceptions.ConnectionRefusedError("not ready yet")
        self.sio.emit("connected", {"client_id": sid, "epoch": self.epoch}, to=sid, namespace="/tasks")

    def _handler(self, event: str) -> Callable[[str, Json], Any]:
        def handle(sid: str, data: Json) -> Any:
            with self._lock:
                self.requests.append((event, data))
                if event in self.silent:
                    return self.sio.not_handled
                if event in self.refusals:
                    return self.refusals[event]
                if data["task_id"] != "*" and data["task_id"] not in self.events:
                    return {"ok": False, "code": "not_found", "message": "There is no such task."}
                answer: Json = getattr(self, f"_{event}")(sid, data)
                return {"ok": True, **answer}

        return handle

    def _subscribe(self, sid: str, data: Json) -> Json:
        task_id = data["task_id"]
        self.sio.enter_room(sid, task_id, namespace="/tasks")
        stored = self.events.get(task_id, [])
        since = data.get("since")
        known = since is not None and since <= len(stored) and data.get("epoch") in (None, self.epoch)
        answer = self._place(task_id)
        if since is not None:
            answer["recovered"] = known
        self.sio.emit("subscribed", answer, to=sid, namespace="/tasks")
        for envelope in stored[since:] if known else _latest(stored):
            self.sio.emit("task_update", envelope, to=sid, namespace="/tasks")
        return answer

    def _place(self, task_id: str) -> Json:
        place: Json = {"task_id": task_id, "epoch": self.epoch, "last_seq": len(self.events.get(task_id, ()))}
        if task_id != "*":
            place["task"] = {"id": task_id, "task_id": task_id, "status": self.status(task_id)}
        return place

    def _unsubscribe(self, sid: str, data: Json) -> Json:
        self.sio.leave_room(sid, data["task_id"], namespace="/tasks")
        return {"task_id": data["task_id"]}

    def _control(self, sid: str, data: Json) -> Json:
        return {"task_id": data["task_id"], "action": data["action"], "status": self.status(data["task_id"])}

    def _rest(self, environ: Json, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        answer = self.rest.get((request.method, request.path))
        response = answer(request) if answer else self._stored(request)
        return response(environ, start_response)

    def _stored(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["api", "tasks"] or parts[2] not in self.events:
            return problem(404, "Not Found", "There is no such task.")
        task_id, stored = parts[2], self.events[parts[2]]
        if parts[3:] == ["events"]:
            since, limit = int(request.args.get("since", 0)), int(request.args.get("limit", 2))
            page = stored[since : since + limit]
            return reply({"events": page, "last_seq": len(stored), "epoch": self.epoch})
        return reply({"id": task_id, "task_id": task_id, "status": self.status(task_id)})


def _latest(stored: list[Json]) -> list[Json]:
    """The latest status and the latest progress, in order."""
    latest = {envelope["event_type"].replace("error", "status_change"): envelope for envelope in stored}
    return sorted((latest[kind] for kind in ("status_change", "progress") if kind in latest), key=lambda e: e["seq"])


def reply(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(json.dumps(body), status, content_type="application/problem+json")
