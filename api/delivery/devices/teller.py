"""Tells a connection what it does not know yet; what several are told is encoded once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from api.delivery.devices.connection import NAMESPACE, Connection, Told
from api.delivery.devices.moved import Moved
from api.delivery.dialects import devices as dialect
from api.fanout import SocketIO
from api.services.devices import Named

LIST_BYTES = 256 * 1024
"""Of formData in one `active_tasks`; the tasks beyond follow, each by a `task_created`."""


class Teller:
    """For one turn: it keeps what it has encoded."""

    def __init__(self, socketio: SocketIO) -> None:
        self._socketio = socketio
        self._encoded: dict[Any, list[Any]] = {}

    def list_to(self, connection: Connection, newest: Sequence[Named]) -> None:
        """`active_tasks`, for a newcomer or instead of what it was told before. `newest`: the newest first."""
        fitting = newest[: _fitting(newest)]
        numbers = [self._number(connection, each) for each in fitting]
        connection.told = {
            task.id: Told(number, task.last_seq, task.progress_percent, task.message)
            for number, (task, _) in zip(numbers, fitting, strict=True)
        }
        connection.behind = {task.id: Moved(task.owner) for task, _ in reversed(newest[len(fitting) :])}
        key = (connection.visible_to, tuple(numbers))
        if key not in self._encoded:
            listed = [dialect.task_object(number, *each) for number, each in zip(numbers, fitting, strict=True)]
            self._encoded[key] = self._packets(dialect.ACTIVE, {"tasks": listed[::-1]})
        connection.send(self._encoded[key])
        connection.listed()

    def tell(self, connection: Connection, found: Mapping[str, Named | None]) -> list[str]:
        """All that it is behind with, as far as there is room. Tasks that have to be looked up for it: `found` has what
        was found of the last ones, None for one that is gone."""
        missing = []
        for task_id, moved in list(connection.behind.items()):
            if not connection.has_room():
                break
            if task_id not in connection.told:
                if moved.end is not None and not moved.begins:
                    del connection.behind[task_id]  # it never was in this list, or has left it
                    continue
                if task_id not in found:
                    missing.append(task_id)
                    continue
                self._show(connection, moved, found[task_id])
            del connection.behind[task_id]
            self._go_on(connection, task_id, moved)
        return missing

    def _show(self, connection: Connection, moved: Moved, named: Named | None) -> None:
        """A task that is new to it. One that is over already is shown only to who sees its beginning and its end."""
        if named is None:
            return
        task, entry = named
        if not connection.sees(task.owner) or (task.terminal and not moved.begins):
            return
        number = self._number(connection, named)
        key = (task.id, number)
        if key not in self._encoded:
            self._encoded[key] = self._packets(dialect.CREATED, dialect.task_object(number, task, entry))
        connection.send(self._encoded[key])
        seq = task.last_seq - 1 if task.terminal else task.last_seq  # the last event has its own message
        connection.told[task.id] = Told(number, seq, task.progress_percent, task.message)

    def _go_on(self, connection: Connection, task_id: str, moved: Moved) -> None:
        told = connection.told.get(task_id)
        if told is None or moved.seq <= told.seq:
            return
        told.seq = moved.seq
        if moved.percent is not None:
            told.percent = moved.percent
        if moved.message is not None:
            told.message = moved.message
        if moved.end is not None:
            del connection.told[task_id]
        key = (task_id, told.number, told.seq, told.percent, told.message)
        if key not in self._encoded:
            self._encoded[key] = self._packets(*_news(told, moved))
        connection.send(self._encoded[key])

    def _number(self, connection: Connection, named: Named) -> int:
        task, entry = named
        return dialect.id_for(connection.principal.user, connection.device, task.id, entry)

    def _packets(self, name: str, message: dialect.Message) -> list[Any]:
        return self._socketio.packets(name, [message], NAMESPACE)


def _news(told: Told, moved: Moved) -> tuple[str, dialect.Message]:
    if moved.end is not None:
        return dialect.ending(told.number, moved.end)
    return dialect.PROGRESS, dialect.progress(told.number, told.percent, told.message)


def _fitting(newest: Sequence[Named]) -> int:
    """How many of them one message holds; one that is larger by itself comes alone."""
    size = 0
    for index, (task, _) in enumerate(newest):
        size += len(json.dumps(task.params))
        if size > LIST_BYTES:
            return index
    return len(newest)
