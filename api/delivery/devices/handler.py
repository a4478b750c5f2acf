"""The events of the default namespace: devices that share one list, and run tasks of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from socketio.exceptions import ConnectionRefusedError

from api.access.principals import current_principal, require
from api.delivery.devices.connection import NAMESPACE, Connection
from api.delivery.devices.feed import Feed
from api.delivery.devices.identity import DeviceCookies
from api.delivery.devices.pace import Pace
from api.delivery.devices.requests import completion_request, creation_request, failure_request, progress_request
from api.delivery.socketio.answering import Answer, AnsweringNamespace, sid
from api.domain.permission import Action
from api.errors import RuncastError
from api.fanout import SocketIO
from api.ports import Clock
from api.runtime.base import Runtime
from api.services.devices import Devices
from api.services.report import Sent


class DevicesNamespace(AnsweringNamespace):
    name = NAMESPACE

    def __init__(
        self,
        socketio: SocketIO,
        runtime: Runtime,
        feed: Feed,
        devices: Devices,
        cookies: DeviceCookies,
        clock: Clock,
    ) -> None:
        super().__init__(socketio)
        self._runtime = runtime
        self._feed = feed
        self._devices = devices
        self._cookies = cookies
        self._clock = clock
        self._open: dict[str, tuple[Connection, Pace]] = {}

    def register(self) -> None:
        self._socketio.on_event("connect", self.connect, namespace=NAMESPACE)
        self._socketio.on_event("disconnect", self.disconnect, namespace=NAMESPACE)
        self._answer_to("task_created", "task_progress", "task_completed", "task_failed")

    def connect(self, auth: Any = None) -> None:
        eio_sid = self._socketio.server.manager.eio_sid_from_sid(sid(), NAMESPACE)
        principal = current_principal()
        try:
            require(principal, Action.LIST)
            device = self._cookies.device(auth, eio_sid, request.environ)
        except RuncastError as error:
            raise ConnectionRefusedError(error.message, {"code": error.code}) from None
        connection = Connection(sid(), principal, device, self._socketio)
        self._open[connection.sid] = connection, self._paced(connection)
        self._feed.open(connection)

    def disconnect(self, reason: Any = None) -> None:
        super().disconnect()
        connection, _ = self._open.pop(sid(), (None, None))
        if connection is not None:
            self._feed.close(connection)

    def task_created(self, data: Any) -> Answer:
        creation = creation_request(data, self._clock())
        connection, _ = self._present()
        task = self._devices.create(connection.principal, connection.device, creation)
        return {"id": creation.client_id, "task_id": task.id}

    def task_progress(self, data: Any) -> Answer:
        number, sent = progress_request(data)
        _, pace = self._present()
        return {"id": number, "task_id": pace.progress(number, sent)}

    def task_completed(self, data: Any) -> Answer:
        return self._end(*completion_request(data))

    def task_failed(self, data: Any) -> Answer:
        return self._end(*failure_request(data))

    def _end(self, number: int, sent: Sent) -> Answer:
        _, pace = self._present()
        return {"id": number, "task_id": pace.end(number, sent)}

    def _present(self) -> tuple[Connection, Pace]:
        present = self._open.get(sid())
        if present is None:
            raise _Gone()
        return present

    def _paced(self, connection: Connection) -> Pace:
        def commit(number: int, sent: Sequence[Sent]) -> str:
            return self._devices.report(connection.principal, connection.device, number, sent).task.id

        def refused(number: int, error: RuncastError) -> None:
            message = {"message": error.message, "code": error.code, "id": number}
            self._socketio.emit("error", message, namespace=NAMESPACE, to=connection.sid)

        return Pace(self._runtime, commit, refused)

    def _about(self, data: Any) -> Answer:
        number = data.get("id") if isinstance(data, dict) else None
        return {"id": number} if type(number) is int and abs(number) < 2**53 else {}


class _Gone(RuncastError):
    """The connection has ended."""

    code = "gone"
