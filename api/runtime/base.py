"""The runtime: what the rest of the server needs of an async mode."""

from __future__ import annotations

from _queue import Empty, SimpleQueue  # the C type: real locks, whatever is monkey-patched
from collections.abc import Callable
from contextlib import AbstractContextManager
from selectors import BaseSelector
from typing import Any, Protocol


class Waiter(Protocol):
    """A one-shot flag between threads of any kind. One waits, anyone sets."""

    def set(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Block the caller, never the hub, until set; False after `timeout` seconds."""


class Runtime(Protocol):
    """One per process. The *hub* is the OS thread that moves bytes (under threads: a dispatcher thread)."""

    name: str
    """`eventlet`, `gevent` or `threading`, as Flask-SocketIO calls them."""

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        """Run `function` in a background thread of this runtime, from the hub."""

    def start_native(self, function: Callable[[], Any], name: str) -> None:
        """Run `function` in a real OS thread. There, nothing may log, count or emit: it posts instead."""

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Run `function` on the hub soon, in order of the calls; from any thread. It must not block."""

    def waiter(self) -> Waiter:
        """A flag for the calling thread to wait on."""

    def lock(self) -> AbstractContextManager[Any]:
        """One that real OS threads and those of the hub can share: hold it for a moment, and never switch in it."""

    def sleep(self, seconds: float) -> None: ...

    def selector(self) -> BaseSelector:
        """A selector whose `select` blocks the calling thread only."""


class NativeWaiter:
    """A waiter for real OS threads of a patched process."""

    def __init__(self) -> None:
        self._flags: SimpleQueue[bool] = SimpleQueue()

    def set(self) -> None:
        self._flags.put(True)

    def wait(self, timeout: float | None = None) -> bool:
        try:
            return self._flags.get(timeout=timeout)
        except Empty:
            return False
