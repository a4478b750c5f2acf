"""The runtime on gevent: the way out of eventlet, kept tested."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
from gevent.monkey import get_original

from api.runtime.base import Waiter
from api.runtime.green import GreenRuntime


class _GeventWaiter:
    def __init__(self, call: Callable[[Callable[[], Any]], None]) -> None:
        """`call` runs a function on the hub."""
        self._event = gevent.event.Event()
        self._call = call

    def set(self) -> None:
        self._call(self._event.set)

    def wait(self, timeout: float | None = None) -> bool:
        return bool(self._event.wait(timeout))


class GeventRuntime(GreenRuntime):
    name = "gevent"

    def __init__(self) -> None:
        super().__init__(
            write=get_original("os", "write"),
            get_ident=get_original("_thread", "get_ident"),
            start_new_thread=get_original("_thread", "start_new_thread"),
            allocate_lock=get_original("_thread", "allocate_lock"),
        )

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        gevent.spawn(function, *args)

    def sleep(self, seconds: float) -> None:
        gevent.sleep(seconds)

    def selector(self) -> selectors.BaseSelector:
        return selectors.DefaultSelector()  # gevent's own, patched in

    def _green_waiter(self) -> Waiter:
        return _GeventWaiter(self.call)
