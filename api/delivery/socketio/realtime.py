"""The namespace `/realtime`: topics over Socket.IO."""

from __future__ import annotations

from typing import Any

from api.access.principals import current_principal
from api.delivery.dialects.topics import Message
from api.delivery.socketio.answering import AnsweringNamespace, sid
from api.delivery.topics.hub import Telling, Topics
from api.delivery.topics.membership import Membership
from api.domain.event import rfc3339
from api.errors import RuncastError
from api.fanout import SocketIO
from api.ports import Clock

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


class RealtimeNamespace(AnsweringNamespace):
    name = NAMESPACE

    def __init__(self, socketio: SocketIO, topics: Topics, clock: Clock) -> None:
        super().__init__(socketio)
        self._topics = topics
        self._clock = clock
        self._open: dict[str, tuple[_Wire, Membership]] = {}

    def register(self) -> None:
        self._socketio.on_event("connect", self.connect, namespace=NAMESPACE)
        self._socketio.on_event("disconnect", self.disconnect, namespace=NAMESPACE)
        self._answer_to("subscribe", "unsubscribe", "ping", EVENT)

    def connect(self, auth: Any = None) -> None:
        wire = _Wire(self._socketio, sid())
        membership = Membership(self._topics, current_principal(), self._clock, wire)
        self._open[sid()] = wire, membership
        membership.greet(sid())

    def disconnect(self, reason: Any = None) -> None:
        super().disconnect()
        wire, membership = self._open.pop(sid(), (None, None))
        if wire is not None and membership is not None:
            wire.here = False
            membership.leave()

    def subscribe(self, data: Any) -> Message:
        return self._obey(_named("subscribe", data))

    def unsubscribe(self, data: Any) -> Message:
        return self._obey(_named("unsubscribe", data))

    def ping(self, data: Any) -> Message:
        return self._obey(_named("ping", data))

    def message(self, data: Any) -> Message:
        """As over a plain WebSocket, where the message says itself what it wants."""
        return self._obey(data)

    def _obey(self, message: Any) -> Message:
        _, membership = self._open.get(sid(), (None, None))
        if membership is None:
            raise _Gone()
        return membership.obey(message)

    def _about(self, data: Any) -> Message:
        return {"type": "error", "timestamp": rfc3339(self._clock())}


def _named(action: str, data: Any) -> Message:
    return {**data, "action": action} if isinstance(data, dict) else {"action": action}


class _Gone(RuncastError):
    """The connection has ended."""

    code = "gone"
