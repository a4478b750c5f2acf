"""The list that all devices share: who comes, who goes, and the one thread that tells them what moves."""

from __future__ import annotations

import threading

from api.delivery.devices.connection import Connection, nothing
from api.delivery.devices.inbox import Inbox
from api.delivery.devices.pump import Pump
from api.delivery.everything import Everything
from api.fanout import SocketIO
from api.runtime.base import Runtime
from api.services.devices import Devices

LIST_SECONDS = 5.0


class Feed:
    """One per process. While nobody is connected there is no thread, and nothing is listened to."""

    def __init__(self, everything: Everything, devices: Devices, socketio: SocketIO, runtime: Runtime) -> None:
        self._everything = everything
        self._devices = devices
        self._socketio = socketio
        self._runtime = runtime
        self._lock = threading.Lock()
        self._inbox: Inbox | None = None
        """Of the thread that runs."""

    def open(self, connection: Connection) -> None:
        """It gets the list, and then whatever happens.

        Blocks the caller until it has the list, so that all that begins later comes as `task_created`; while the
        journal is away, for `LIST_SECONDS` at most.
        """
        waiter = self._runtime.waiter()
        connection.listed = waiter.set
        self._welcome(connection)
        waiter.wait(LIST_SECONDS)
        connection.listed = nothing

    def _welcome(self, connection: Connection) -> None:
        with self._lock:
            known = self._inbox
            inbox = self._inbox = known or Inbox(self._runtime)
            inbox.welcome(connection)
        if known is None:
            pump = Pump(inbox, self._everything, self._devices, self._socketio, self._runtime)
            self._runtime.spawn(pump.run, lambda: self._over(inbox))

    def close(self, connection: Connection) -> None:
        connection.here = False
        connection.listed()
        with self._lock:
            if self._inbox is not None:
                self._inbox.wake()

    def _over(self, inbox: Inbox) -> bool:
        """Whether the thread that has nobody to tell anything may end: whoever comes then starts another one."""
        with self._lock:
            if inbox.expects:
                return False
            self._inbox = None
            return True
