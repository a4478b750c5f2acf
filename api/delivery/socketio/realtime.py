"""The namespace `/realtime`: topics over Socket.IO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import request

from api import metrics
from api.access.principals import current_principal
from api.delivery.dialects import topics as dialect
from api.delivery.dialects.topics import Message
from api.delivery.topics.hub import Telling, Topics
from api.delivery.topics.membership import Membership
from api.errors import RuncastError
from api.fanout import SocketIO
from api.log import get_logger
from api.ports import Clock

_log = get_logger(__name__)
NAMESPACE = "/realtime"
EVENT = "message"
"""What announcements come as; answers come as events of their own type."""


class _Wire:
    def __init__(self, socketio: SocketIO, sid: str) -> None:
        self.here = True
        self._socketio = socketio
        self._sid = sid

    def send(self, message: Message) -> None:
        self._socketio.emit(message["type"], message, namespace=NAMESPACE, to=self._sid)

    def pass_on(self, telling: Telling) -> None:
        if not telling.packets:
            telling.packets = self._socketio.packets(EVENT, (telling.message,), NAMESPACE)
        self._socketio.send_packets(telling.packets, namespace=NAMESPACE, to=self._sid)

    def has_room(self) -> bool:
        outbox = self._socketio.outbox(self._sid, NAMESPACE)
        return outbox is None or not outbox.full


class RealtimeNamespace:
    def __init__(self, socketio: SocketIO, topics: Topics, clock: Clock) -> None:
        self._socketio = socketio
        self._topics = topics
        self._clock = clock
        self._open: dict[str, tuple[_Wire, Membership]] = {}

    def register(self) -> None:
        on = self._socketio.on_event
        on("connect", self.connect, namespace=NAMESPACE)
        on("disconnect", self.disconnect, namespace=NAMESPACE)
        for name in dialect.Action:
            on(str(name), self._answered(str(name)), namespace=NAMESPACE)
        on(EVENT, self._answered(None), namespace=NAMESPACE)
        on("*", lambda name, *data: self._answered(str(name)[:50])(*data), namespace=NAMESPACE)

    def connect(self, auth: Any = None) -> None:
        sid = _sid()
        wire = _Wire(self._socketio, sid)
        membership = Membership(self._topics, current_principal(), self._clock, wire)
        self._open[sid] = wire, membership
        membership.greet(sid)

    def disconnect(self, reason: Any = None) -> None:
        wire, membership = self._open.pop(_sid(), (None, None))
        if wire is not None and membership is not None:
            wire.here = False
            membership.leave()

    def _answered(self, action: str | None) -> Callable[..., Message]:
        """Obeys one event: of this name, or a message that names what it wants itself."""

        def answer(*data: Any) -> Message:
            sent = data[0] if data else {}
            wire, membership = self._open.get(_sid(), (None, None))
            if wire is None or membership is None:
                return {"ok": False, "code": "gone", "message": "the connection has ended"}
            try:
                if action is not None and not isinstance(sent, dict):
                    sent = {}
                return {"ok": True, **membership.obey(sent if action is None else {**sent, "action": action})}
            except RuncastError as error:
                wire.send(dialect.error(error.message, self._clock()) | {"code": error.code})
                return {"ok": False, "code": error.code, "message": error.message}
            except Exception:  # noqa: BLE001  a bug of ours: the client hears that, the log hears what
                metrics.failure("realtime_handler")
                _log.exception("handler_failed", handler=action)
                wire.send(dialect.error("the server made an error; it has been logged", self._clock()))
                return {"ok": False, "code": "internal", "message": "the server made an error; it has been logged"}

        return answer


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]  # Flask-SocketIO adds it to the request
