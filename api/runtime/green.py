"""What eventlet and gevent share: one OS thread runs everything, others reach it through the mailbox."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from selectors import BaseSelector
from typing import Any

from api.runtime.base import NativeWaiter, Waiter
from api.runtime.mailbox import Mailbox


class GreenRuntime(ABC):
    """A subclass names its library's primitives; the constructor runs on the thread that is the hub."""

    name = ""

    def __init__(
        self,
        *,
        write: Callable[[int, bytes], int],
        get_ident: Callable[[], int],
        start_new_thread: Callable[..., int],
        allocate_lock: Callable[[], Any],
    ) -> None:
        """The four are the operating system's own functions, unpatched."""
        self._get_ident = get_ident
        self._start_new_thread = start_new_thread
        self._allocate_lock = allocate_lock
        self._hub_thread = get_ident()
        self._mailbox = Mailbox(write)
        self.spawn(self._mailbox.drain_for_ever)

    @abstractmethod
    def spawn(self, function: Callable[..., Any], *args: Any) -> None: ...

    @abstractmethod
    def sleep(self, seconds: float) -> None: ...

    @abstractmethod
    def selector(self) -> BaseSelector: ...

    @abstractmethod
    def _green_waiter(self) -> Waiter: ...

    def start_native(self, function: Callable[[], Any], name: str) -> None:
        self._start_new_thread(function, ())

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        self._mailbox.post(function, *args)

    def call(self, function: Callable[[], Any]) -> None:
        """Run `function` on the hub: at once where the caller is there, else as `post` does.

        It must neither block nor switch.
        """
        if self._get_ident() == self._hub_thread:
            function()
        else:
            self._mailbox.post(function)

    def lock(self) -> AbstractContextManager[Any]:
        lock: AbstractContextManager[Any] = self._allocate_lock()
        return lock

    def waiter(self) -> Waiter:
        return self._green_waiter() if self._get_ident() == self._hub_thread else NativeWaiter()
