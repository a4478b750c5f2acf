"""The events of the namespace `/tasks`; every one is answered, by an event and to an acknowledgement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.access.principals import current_principal, require
from api.delivery.dialects.resource import task_resource
from api.delivery.everything import Everything
from api.delivery.hub import Hub
from api.delivery.socketio.answering import Answer, AnsweringNamespace, sid
from api.delivery.socketio.connection import Connection, Connections
from api.delivery.socketio.member import RoomAudience, RoomChannel, RoomMember, Where, passes
from api.delivery.socketio.packets import NAMESPACE, UPDATE
from api.delivery.socketio.requests import (
    EVERY_TASK,
    SubscribeRequest,
    control_request,
    report_request,
    subscribe_request,
    task_id_of,
)
from api.domain.event import rfc3339
from api.domain.permission import Action, Principal, Role
from api.errors import Conflict, NotFound, RuncastError
from api.fanout import SocketIO
from api.ports import Clock
from api.runtime.base import Runtime
from api.services.control import Controller
from api.services.query import History, Queries
from api.services.report import ExternalReports
from api.services.submit import Submitter

MAX_SUBSCRIPTIONS = 1000
"""Of one connection."""


class TasksNamespace(AnsweringNamespace):
    name = NAMESPACE

    def __init__(
        self,
        socketio: SocketIO,
        runtime: Runtime,
        hub: Hub,
        everything: Everything,
        queries: Queries,
        controller: Controller,
        submitter: Submitter,
        reports: ExternalReports,
        clock: Clock,
    ) -> None:
        super().__init__(socketio)
        self._hub = hub
        self._everything = everything
        self._queries = queries
        self._controller = controller
        self._submitter = submitter
        self._reports = reports
        self._clock = clock
        self._connections = Connections(socketio, runtime)

    def register(self) -> None:
        on = self._socketio.on_event
        on("connect", self.connect, namespace=NAMESPACE)
        on("disconnect", self.disconnect, namespace=NAMESPACE)
        self._answer_to("subscribe", "unsubscribe", "control", "report", "heartbeat")

    def connect(self, auth: Any = None) -> None:
        connection = self._connections.open(sid())
        greeting = {
            "message": "connected to Runcast",
            "client_id": connection.sid,
            "server_time": rfc3339(self._clock()),
            "epoch": self._queries.epoch(),
        }
        self._send("connected", greeting)

    def disconnect(self, reason: Any = None) -> None:
        super().disconnect()
        self._connections.close(sid())

    def subscribe(self, data: Any) -> Answer:
        wish = subscribe_request(data)
        if wish.task_id == EVERY_TASK:
            return self._subscribe_to_all(wish)
        with self._hub.expecting(wish.task_id) as most:
            return self._subscribe_to_one(wish, most)

    def _subscribe_to_one(self, wish: SubscribeRequest, most: int) -> Answer:
        principal = current_principal()
        history = self._history(principal, wish, most)
        channel = RoomChannel(wish.task_id, wish.types, self._socketio)
        member = self._admit(wish, channel, lambda connection: self._begin_anew(principal, connection, channel))
        if member is None:
            return {"task_id": wish.task_id}
        answer = _subscribed(wish, history)
        self._send("subscribed", answer)
        last_seq = history.task.last_seq
        after = wish.since if answer.get("recovered") else last_seq
        if not answer.get("recovered"):
            _send_present(member.connection, channel, history)
        subscription = self._hub.subscribe(wish.task_id, after, member, (last_seq, history.rest))
        member.entered_with(lambda: self._hub.unsubscribe(subscription))
        return answer

    def _history(self, principal: Principal, wish: SubscribeRequest, most: int) -> History:
        if wish.since is None:
            return self._queries.present(principal, wish.task_id)
        return self._queries.since(principal, wish.task_id, wish.since, wish.epoch, most=most)

    def _begin_anew(
        self, principal: Principal, connection: Connection, channel: RoomChannel
    ) -> Callable[[], int] | None:
        """What a subscriber is owed next was trimmed: it starts over with the present state."""
        try:
            present = self._queries.present(principal, channel.task_id)
        except NotFound:
            return None

        def tell() -> int:
            connection.send("subscribed", _answer(present) | {"recovered": False})
            _send_present(connection, channel, present)
            return present.task.last_seq

        return tell

    def _subscribe_to_all(self, wish: SubscribeRequest) -> Answer:
        principal = current_principal()
        require(principal, Action.LIST)
        owner = None if principal.role is Role.ADMIN else principal.user
        audience = RoomAudience(owner, wish.types, self._socketio)
        answer: Answer = {"task_id": EVERY_TASK, "epoch": self._queries.epoch(), "last_seq": 0, "task": None}

        def tell(connection: Connection) -> int:
            connection.send("subscribed", answer)
            return 0

        member = self._admit(wish, audience, lambda connection: lambda: tell(connection))
        if member is not None:
            self._send("subscribed", answer)
            self._everything.enter(member)
            member.entered_with(lambda: self._everything.leave(member))
        return answer

    def unsubscribe(self, data: Any) -> Answer:
        task_id = task_id_of(data)
        connection = self._connections.get(sid())
        member = connection.members.pop(task_id, None) if connection is not None else None
        if member is not None:
            member.withdraw()
        self._send("unsubscribed", {"task_id": task_id})
        return {"task_id": task_id}

    def control(self, data: Any) -> Answer:
        task_id, action, command = control_request(data)
        result: Answer = {"task_id": task_id, "action": action}
        try:
            if command is None:
                again = self._submitter.retry(current_principal(), task_id)
                result |= {"ok": True, "status": str(again.status), "new_task_id": again.id}
            else:
                task = self._controller.control(current_principal(), task_id, command)
                result |= {"ok": True, "status": str(task.status), "message": task.message}
        except Conflict as error:
            status = self._queries.view(current_principal(), task_id).task.status
            result |= {"ok": False, "status": str(status), "message": error.message}
            self._send("control_result", result)
            return {**result, "code": error.code}
        self._send("control_result", result)
        return result

    def report(self, data: Any) -> Answer:
        task_id, event_type, content = report_request(data)
        commit = self._reports.report(current_principal(), task_id, [(event_type, content)])
        return {"task_id": task_id, "seq": commit.task.last_seq}

    def heartbeat(self, data: Any) -> Answer:
        task = self._reports.heartbeat(current_principal(), task_id_of(data))
        return {"task_id": task.id, "status": str(task.status)}

    def _admit(
        self, wish: SubscribeRequest, channel: Where, begin_anew: Callable[[Connection], Callable[[], int] | None]
    ) -> RoomMember[Where] | None:
        """A place for the subscription, instead of an earlier one to the same task."""
        connection = self._connections.get(sid())
        if connection is None:
            return None  # disconnected in the meantime
        mine = connection.members
        if wish.task_id not in mine and len(mine) >= MAX_SUBSCRIPTIONS:
            raise _TooMany(f"one connection may subscribe to {MAX_SUBSCRIPTIONS} tasks; unsubscribe from one first")
        earlier = mine.pop(wish.task_id, None)
        if earlier is not None:
            earlier.withdraw()
        member = RoomMember(connection, channel, lambda: begin_anew(connection))
        mine[wish.task_id] = member
        return member

    def _about(self, data: Any) -> Answer:
        task_id = data.get("task_id") if isinstance(data, dict) else None
        return {"task_id": task_id[:64]} if isinstance(task_id, str) else {}


class _TooMany(RuncastError):
    code = "too_many"


def _subscribed(wish: SubscribeRequest, present: History) -> Answer:
    if wish.since is None:
        return _answer(present)
    return _answer(present) | {"recovered": present.holds(wish.since, wish.epoch)}


def _answer(present: History) -> Answer:
    return {
        "task_id": present.task.id,
        "epoch": present.epoch,
        "last_seq": present.task.last_seq,
        "task": task_resource(present.task),
    }


def _send_present(connection: Connection, channel: RoomChannel, present: History) -> None:
    """What a newcomer starts from; whether there is room or not, as it is little."""
    for event in present.events:
        if passes(event, channel.types):
            connection.send(UPDATE, event.envelope())
