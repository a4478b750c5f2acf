"""`/ws/task/<id>`: one task, to its end."""

from __future__ import annotations

from typing import Any

from api.delivery.dialects import task_socket as dialect
from api.delivery.dialects.course import Course, present
from api.delivery.websocket.connection import Connection, Delivery
from api.delivery.websocket.member import TaskMember
from api.delivery.websocket.replay import Replay
from api.domain.event import Event
from api.domain.permission import Principal
from api.domain.task import Task
from api.errors import NotFound
from api.services.query import History


class TaskConnection(Connection):
    def __init__(self, parts: Delivery, principal: Principal, history: History, replay: Replay | None) -> None:
        super().__init__(parts)
        self._principal = principal
        self._task = history.task
        self._replay = replay

    def begin(self) -> None:
        task = self._task
        self.send(dialect.connected(task, self.parts.clock()))
        replay = self._replay
        if task.terminal and replay is None:
            self.send(dialect.ending(task))
            self.close()
        elif replay is None:
            self.follow(self._member(present(task)), task.last_seq)
        elif replay.since < task.last_seq or not task.terminal:
            self.follow(self._member(replay.course), replay.since)
        else:
            self.close()  # it has heard the end

    def _member(self, course: Course) -> TaskMember:
        return TaskMember(self, course, _news, self._read, self.close)

    def _read(self) -> Task | None:
        try:
            return self.parts.queries.present(self._principal, self._task.id).task
        except NotFound:
            return None

    def answer(self, message: Any, text: str) -> None:
        if text == "ping":
            self.send(dialect.pong(self.parts.clock()))
        else:
            self.refuse("this socket takes the message `ping` alone")

    def refuse(self, reason: str) -> None:
        self.send(dialect.refused(self._task.id, reason, self.parts.clock()))


def _news(course: Course, event: Event) -> list[dict[str, Any]]:
    message = dialect.news(course, event)
    return [] if message is None else [message]
