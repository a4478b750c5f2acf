"""Devices that share one list: plain Socket.IO clients of the default namespace, as another system has them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from tests.support.players.base import Player
from tests.support.players.js_player import JsPlayer
from tests.support.players.python_player import PythonPlayer
from tests.support.waiting import wait_until

CLIENTS: dict[str, Callable[..., Player]] = {
    "python": partial(PythonPlayer, namespaces=["/"]),
    "js": partial(JsPlayer, namespaces=["/"]),
}
SECONDS = 20
Json = dict[str, Any]


class Device:
    """One connection; it has its list when it is made."""

    def __init__(self, url: str, name: str | None = None, client: str = "python", transport: str = "websocket") -> None:
        self._player = CLIENTS[client](url, [transport], {"device": name} if name else None)
        self.list: list[Json] = self.wait_for("active_tasks")["tasks"]

    def say(self, event: str, **data: Any) -> Json:
        """Emit and return the acknowledgement."""
        return self.call(event, data)

    def call(self, event: str, *data: Any) -> Json:
        answer: Json = self._player.call(event, *data)
        return answer

    def emit(self, event: str, **data: Any) -> None:
        self._player.emit(event, data)

    def begin(self, number: int, **said: Any) -> str:
        """Create a task; its UUID."""
        answer = self.say("task_created", **{"id": number, "formData": {"n": number}, "mode": "paint"} | said)
        assert answer["ok"], answer
        return str(answer["task_id"])

    def got(self, event: str, **fields: Any) -> list[Json]:
        """All messages of this name with these fields, in their order."""
        return [each for each in self._player.got(event) if fields.items() <= each.items()]

    def wait_for(self, event: str, **fields: Any) -> Json:
        """The first of them."""
        wait_until(lambda: self.got(event, **fields), SECONDS, lambda: f"no {event} {fields} in {self.events()[-20:]}")
        return self.got(event, **fields)[0]

    def number_of(self, task_id: str) -> int:
        """By which it was told that there is this task."""
        return int(self.wait_for("task_created", task_id=task_id)["id"])

    def events(self) -> list[tuple[str, Json]]:
        return self._player.events()

    def close(self) -> None:
        self._player.close()


class Devices(ExitStack):
    """Makes devices, and closes them all at its end."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def __call__(self, name: str | None = None, **options: Any) -> Device:
        device = Device(self._url, name, **options)
        self.callback(device.close)
        return device
