"""What stands behind every plain WebSocket: messages out as JSON, room, and the subscriptions that end with it."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from api import metrics
from api.delivery.feed import Subscription
from api.delivery.hub import Hub
from api.delivery.room import Room
from api.delivery.websocket.member import TaskMember
from api.errors import RuncastError
from api.fanout.plain import PlainSocket
from api.log import get_logger
from api.ports import Clock
from api.runtime.base import Runtime
from api.services.control import Controller
from api.services.query import Queries

_log = get_logger(__name__)
Message = Mapping[str, Any]
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013


class Delivery(Protocol):
    """The parts of the server that these connections need."""

    @property
    def hub(self) -> Hub: ...
    @property
    def queries(self) -> Queries: ...
    @property
    def controller(self) -> Controller: ...
    @property
    def runtime(self) -> Runtime: ...
    @property
    def clock(self) -> Clock: ...


class Connection:
    """A `fanout.plain.Handler`. A subclass says what is told at the beginning and what answers a message."""

    def __init__(self, parts: Delivery) -> None:
        self.parts = parts
        self.here = True
        self.socket: PlainSocket | None = None
        self._room = Room(parts.runtime, lambda: not self.here or self.has_room())
        self._members: dict[str, TaskMember] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._last_act: list[Callable[[], None]] = []

    # -- for subclasses

    @abstractmethod
    def begin(self) -> None:
        """The connection stands: greet and subscribe. Neither blocks nor switches."""

    @abstractmethod
    def answer(self, message: Any, text: str) -> None:
        """A message: as JSON if it is some, else None, and as text. May block; what it raises is told by `refuse`."""

    @abstractmethod
    def refuse(self, reason: str) -> None:
        """Say that a message was none, or cannot be obeyed."""

    def follow(self, member: TaskMember, after: int) -> None:
        """Have the member told every event after `after`."""
        task_id = member.task_id
        self._members[task_id] = member
        self._subscriptions[task_id] = self.parts.hub.subscribe(task_id, after, member)
        if member.over or not self.here:  # by what it was told at once
            self._unfollow(task_id)

    def unfollow_soon(self, task_id: str) -> None:
        """Nothing more comes of this task. Neither blocks nor switches."""
        self.parts.runtime.spawn(self._unfollow, task_id)

    def _unfollow(self, task_id: str) -> None:
        self._members.pop(task_id, None)
        subscription = self._subscriptions.pop(task_id, None)
        if subscription is not None:
            self.parts.hub.unsubscribe(subscription)

    def at_the_end(self, act: Callable[[], None]) -> None:
        """Called once, when the connection has ended."""
        self._last_act.append(act)

    def follows(self, task_id: str) -> bool:
        return task_id in self._members

    def send(self, message: Message) -> None:
        """Neither blocks nor switches."""
        if self.socket is not None:
            self.socket.send(_encode(message))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End it after what was sent."""
        if self.socket is not None:
            self.socket.close(code, reason)

    def has_room(self) -> bool:
        return self.socket is None or not self.socket.queue.full

    def wait_for_room(self) -> None:
        """Block the calling background thread until there is room, or nobody to want it."""
        self._room.wait()

    # -- what the socket tells

    def opened(self, socket: PlainSocket) -> None:
        self.socket = socket
        metrics.WEBSOCKETS.inc()
        self.begin()

    def heard(self, socket: PlainSocket, text: str) -> None:
        try:
            self.answer(_decoded(text), text)
        except RuncastError as error:
            self.refuse(error.message)
        except Exception:  # noqa: BLE001  a bug of ours: the client hears that, the log hears what
            metrics.failure("websocket_handler")
            _log.exception("message_failed")
            self.refuse("the server made an error; it has been logged")

    def flooded(self, socket: PlainSocket) -> None:
        self.refuse("too many messages: this one was not read")

    def filled(self) -> None:
        for member in list(self._members.values()):
            member.crowd()

    def drained(self) -> None:
        self._room.drained()

    def closed(self) -> None:
        """In the middle of a push perhaps: what may wait for a lock is left to a thread of its own."""
        self.here = False
        self._room.drained()
        metrics.WEBSOCKETS.dec()
        self.parts.runtime.spawn(self._leave)

    def _leave(self) -> None:
        while self._last_act:
            self._last_act.pop()()
        for task_id in list(self._subscriptions):
            self._unfollow(task_id)


class Refused(Connection):
    """One that is opened, as browsers show no other reason, and closed with why."""

    def __init__(self, parts: Delivery, code: int, reason: str) -> None:
        super().__init__(parts)
        self._code, self._reason = code, reason

    def begin(self) -> None:
        self.close(self._code, self._reason)

    def answer(self, message: Any, text: str) -> None:
        """It is over."""

    def refuse(self, reason: str) -> None:
        """It is over."""


def _decoded(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
