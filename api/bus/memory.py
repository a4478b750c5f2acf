"""The bus of one process."""

from __future__ import annotations

from collections.abc import Callable

from api.ports import Doorbell
from api.runtime.base import Runtime


class MemoryBus:
    """Bells go through the hub's mailbox, so that they may be rung from any thread."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._listeners: list[Callable[[Doorbell], None]] = []

    def ring(self, bell: Doorbell) -> None:
        for listener in self._listeners:
            self._runtime.post(listener, bell)

    def listen(self, listener: Callable[[Doorbell], None]) -> None:
        self._listeners.append(listener)
