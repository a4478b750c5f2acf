"""What a player does, whatever client it is."""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

NAMESPACES = ("/", "/a", "/b")
ANSWER_SECONDS = 30
ACK = "ack"
"""The name under which an acknowledgement is among what was heard."""

Callback = Callable[..., None]


class Message(NamedTuple):
    """One event of the server, or an acknowledgement that is to be in line with them."""

    namespace: str
    name: str
    args: tuple[Any, ...]
    transport: str
    """By which it came, as far as the client says so."""


class Player(ABC):
    """One connection, in several namespaces. `heard` has everything in the order in which it came.

    A question of the server is answered with its own arguments, after the word "answer".
    """

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.gone: set[str] = set()
        """Namespaces from which it was disconnected."""

    def call(self, event: str, *args: Any, namespace: str = "/") -> Any:
        """Emit and return the acknowledgement: None, a value, or a list of several.

        As acknowledgements keep the order, everything emitted before has been heard by then.
        """
        answers: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._send(namespace, event, args, lambda *values: answers.put(values))
        try:
            values = answers.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self} has no answer to {event}; it is gone from {self.gone}") from None
        return values[0] if len(values) == 1 else list(values) or None

    def emit(self, event: str, *args: Any, namespace: str = "/", noted: bool = False) -> None:
        """Emit without waiting. `noted`: its acknowledgement is heard as a message named `ack`."""
        note = (lambda *values: self._hear(namespace, ACK, values)) if noted else None
        self._send(namespace, event, args, note)

    def sid(self, namespace: str = "/") -> str:
        return str(self.call("sid", namespace=namespace))

    def got(self, name: str, namespace: str = "/") -> list[Any]:
        """What came with each event of this name: its argument, or a tuple of several."""
        mine = [each.args for each in tuple(self.heard) if (each.namespace, each.name) == (namespace, name)]
        return [args[0] if len(args) == 1 else args for args in mine]

    def events(self, namespace: str = "/") -> list[tuple[str, Any]]:
        """(name, first argument) of everything that came."""
        return [(each.name, each.args[0]) for each in tuple(self.heard) if each.namespace == namespace]

    def forget(self) -> None:
        self.heard.clear()

    @abstractmethod
    def transport(self) -> str: ...

    @abstractmethod
    def leave(self, namespace: str) -> None:
        """Disconnect from one namespace."""

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _send(self, namespace: str, event: str, args: tuple[Any, ...], callback: Callback | None) -> None: ...

    def _hear(self, namespace: str, name: str, args: tuple[Any, ...], transport: str = "") -> Any:
        self.heard.append(Message(namespace, name, args, transport))
        return ("answer", *args) if name == "question" else None

    def _lose(self, namespace: str) -> None:
        self.gone.add(namespace)
