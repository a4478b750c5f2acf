"""A connection of the default namespace: whose it is, what its list holds, what it has still to be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.delivery.devices.moved import Moved
from api.domain.permission import Principal, Role
from api.fanout import SocketIO

NAMESPACE = "/"


@dataclass(slots=True)
class Told:
    """How the connection knows a task, and what it heard of it last."""

    number: int
    seq: int
    percent: float
    message: str


def nothing() -> None:
    """Nobody waits for it."""


class Connection:
    def __init__(self, sid: str, principal: Principal, device: str, socketio: SocketIO) -> None:
        self.sid = sid
        self.principal = principal
        self.device = device
        self.here = True
        self.listed: Callable[[], None] = nothing
        """Called when it has its list."""
        self.told: dict[str, Told] = {}
        """Its list, by task."""
        self.behind: dict[str, Moved] = {}
        """What it has not been told yet, by task, what waits longest first."""
        self._socketio = socketio

    @property
    def visible_to(self) -> str | None:
        """Whose tasks it lists; None for everybody's."""
        return None if self.principal.role is Role.ADMIN else self.principal.user

    def sees(self, owner: str) -> bool:
        return self.visible_to in (None, owner)

    def note(self, task_id: str, moved: Moved) -> None:
        earlier = self.behind.get(task_id)
        self.behind[task_id] = moved if earlier is None else earlier.and_then(moved)

    def forget(self) -> None:
        """It is to have its list anew."""
        self.told, self.behind = {}, {}

    def send(self, packets: Sequence[Any]) -> None:
        """To this connection alone; neither blocks nor switches."""
        self._socketio.send_packets(packets, namespace=NAMESPACE, to=self.sid)

    def has_room(self) -> bool:
        outbox = self._socketio.outbox(self.sid, NAMESPACE)
        return outbox is None or not outbox.full
