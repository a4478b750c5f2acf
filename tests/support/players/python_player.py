"""python-socketio's `Client`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import socketio
from engineio.packet import CLOSE, Packet

from tests.support.players.base import ANSWER_SECONDS, NAMESPACES, Callback, Player
from tests.support.waiting import wait_until

CLOSE_SECONDS = 10


class PythonPlayer(Player):
    def __init__(
        self,
        url: str,
        transports: Sequence[str],
        auth: Any = None,
        *,
        serializer: str = "default",
        namespaces: Sequence[str] = NAMESPACES,
    ) -> None:
        super().__init__()
        self._sio = socketio.Client(
            reconnection=False, serializer=serializer, websocket_extra_options={"skip_utf8_validation": True}
        )
        handle_in_order(self._sio.eio)
        for namespace in namespaces:
            self._sio.on("*", partial(self._heard, namespace), namespace=namespace)
            self._sio.on("disconnect", partial(self._lost, namespace), namespace=namespace)
        self._sio.connect(
            url, transports=list(transports), namespaces=list(namespaces), auth=auth, wait_timeout=ANSWER_SECONDS
        )

    def transport(self) -> str:
        return str(self._sio.transport())

    def leave(self, namespace: str) -> None:
        """The library has no public call for it."""
        self._sio._send_packet(self._sio.packet_class(socketio.packet.DISCONNECT, namespace=namespace))

    def close(self) -> None:
        """Politely: the library's own `disconnect` may end before its goodbye is sent, and wait 25 s for a poll."""
        eio = self._sio.eio
        if eio.state != "connected":
            return
        eio._send_packet(Packet(CLOSE))
        wait_until(lambda: not eio.queue.unfinished_tasks or eio.state != "connected", CLOSE_SECONDS)
        if eio.current_transport == "websocket":
            eio.ws.close = partial(eio.ws.close, timeout=0.1)  # another thread may have read the answer
        eio.disconnect()

    def _send(self, namespace: str, event: str, args: tuple[Any, ...], callback: Callback | None) -> None:
        self._sio.emit(event, args, namespace=namespace, callback=callback)

    def _heard(self, namespace: str, event: str, *args: Any) -> Any:
        return self._hear(namespace, event, args, self._sio.transport())

    def _lost(self, namespace: str, _reason: str) -> None:
        self._lose(namespace)


def handle_in_order(eio: Any) -> None:
    """python-engineio gives each message a thread of its own, and they overtake one another.

    The server's goodbye keeps its own: its handler waits for the thread that reads.
    """
    trigger = eio._trigger_event

    def in_order(event: str, *args: Any, run_async: bool = False, **options: Any) -> Any:
        goodbye = event == "message" and isinstance(args[0], str) and args[0].startswith("1")
        return trigger(event, *args, run_async=run_async and goodbye, **options)

    eio._trigger_event = in_order
