"""Plain threads: every waiter is an Event, the hub is a dispatcher thread."""

from __future__ import annotations

import itertools
import os
import selectors
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from api.runtime.base import Waiter
from api.runtime.mailbox import Mailbox

_numbers = itertools.count(1)


class ThreadRuntime:
    """The runtime of `RUNCAST_ASYNC_MODE=threading`, of the command line and of tests."""

    name = "threading"

    def __init__(self) -> None:
        self._mailbox = Mailbox(os.write)
        self.start_native(self._mailbox.drain_for_ever, "runcast-dispatcher")

    def spawn(self, function: Callable[..., Any], *args: Any) -> None:
        name = f"runcast-{getattr(function, '__name__', 'call')}-{next(_numbers)}"
        threading.Thread(target=function, args=args, name=name, daemon=True).start()

    def start_native(self, function: Callable[[], Any], name: str) -> None:
        threading.Thread(target=function, name=name, daemon=True).start()

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        self._mailbox.post(function, *args)

    def waiter(self) -> Waiter:
        return threading.Event()

    def lock(self) -> AbstractContextManager[Any]:
        return threading.Lock()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def selector(self) -> selectors.BaseSelector:
        return selectors.DefaultSelector()
