"""The runtime on eventlet."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from typing import Any

import eventlet
import eventlet.event
from eventlet.patcher import original

from api.runtime.base import Waiter
from api.runtime.eventlet_select import GreenSelector
from api.runtime.green import GreenRuntime


class _EventletWaiter:
    def __init__(self, call: Callable[[Callable[[], Any]], None]) -> None:
        """`call` runs a function on the hub."""
        self._event = eventlet.event.Event()
        self._call = call

    def set(self) -> None:
        self._call(self._fire)

    def _fire(self) -> None:
        if not self._event.ready():
            self._event.send(True)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits again when woken for nothing, which another library's green `select` may do."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._event.ready():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._event.wait(left)
        return True


class EventletRuntime(GreenRuntime):
    name = "eventlet"

    def __init__(self) -> None:
        thread = original("_thread")
        super().__init__(
            write=original("os").write,
            get_ident=thread.get_ident,
            start_new_thread=thread.start_new_thread,
            allocate_lock=thread.allocate_lock,
        )

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        eventlet.spawn_n(function, *args)

    def sleep(self, seconds: float) -> None:
        eventlet.sleep(seconds)

    def selector(self) -> selectors.BaseSelector:
        return GreenSelector()

    def _green_waiter(self) -> Waiter:
        return _EventletWaiter(self.call)
