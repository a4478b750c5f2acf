"""python-socketio's own client, with the reconnection that it brings: what a user's script has."""

from __future__ import annotations

import socketio

from tests.support.events import NAMESPACE


class StockClient:
    """Connected to `/tasks`; counts how often it came and how often it lost the connection."""

    def __init__(self, url: str, transport: str) -> None:
        self.connects = 0
        self.lost = 0
        self._sio = socketio.Client(reconnection_delay=0.2, reconnection_delay_max=0.5)
        self._sio.on("connect", self._came, namespace=NAMESPACE)
        self._sio.on("disconnect", self._went, namespace=NAMESPACE)
        self._sio.connect(url, namespaces=[NAMESPACE], transports=[transport], wait_timeout=10)

    def __enter__(self) -> StockClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_reconnection()
        if self._sio.connected:
            self._sio.eio.disconnect(abort=True)  # does not wait for a poll that is under way
            if self._sio.eio.http is not None:
                self._sio.eio.http.close()

    def _end_reconnection(self) -> None:
        """One that succeeds goes on for a moment after the "connect" event; one that is cut short tries for ever."""
        self._sio.reconnection = False
        task = self._sio._reconnect_task
        while task is not None and task.is_alive():
            if self._sio._reconnect_abort is not None:
                self._sio._reconnect_abort.set()
            task.join(0.1)

    def _came(self) -> None:
        self.connects += 1

    def _went(self, *reason: object) -> None:
        self.lost += 1
