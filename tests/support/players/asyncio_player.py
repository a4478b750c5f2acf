"""python-socketio's `AsyncClient`, in an event loop with a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any

import socketio

from tests.support.players.base import ANSWER_SECONDS, NAMESPACES, Callback, Player


class AsyncioPlayer(Player):
    def __init__(self, url: str, transports: Sequence[str], auth: Any = None) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asyncio-player", daemon=True)
        self._thread.start()
        try:
            self._run(self._connect(url, list(transports), auth))
        except BaseException:
            self._end_loop()
            raise

    async def _connect(self, url: str, transports: list[str], auth: Any) -> None:
        # aiohttp asks whom to trust when it is imported, and no more
        self._sio = socketio.AsyncClient(reconnection=False, ssl_verify=False)
        for namespace in NAMESPACES:
            self._sio.on("*", partial(self._heard, namespace), namespace=namespace)
            self._sio.on("disconnect", partial(self._lost, namespace), namespace=namespace)
        await self._sio.connect(
            url, transports=transports, namespaces=list(NAMESPACES), auth=auth, wait_timeout=ANSWER_SECONDS
        )

    def transport(self) -> str:
        return str(self._sio.transport())

    def leave(self, namespace: str) -> None:
        """The library has no public call for it."""
        packet = self._sio.packet_class(socketio.packet.DISCONNECT, namespace=namespace)
        self._run(self._sio._send_packet(packet))

    def close(self) -> None:
        if self._sio.connected:
            self._run(self._sio.eio.queue.join())  # else the goodbye may not be sent any more
            self._run(self._sio.disconnect())
        self._end_loop()

    def _send(self, namespace: str, event: str, args: tuple[Any, ...], callback: Callback | None) -> None:
        self._run(self._sio.emit(event, args, namespace=namespace, callback=callback))

    def _heard(self, namespace: str, event: str, *args: Any) -> Any:
        return self._hear(namespace, event, args, self._sio.transport())

    def _lost(self, namespace: str, _reason: str) -> None:
        self._lose(namespace)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)

    def _end_loop(self) -> None:
        self._run(self._rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_SECONDS)
        self._loop.close()

    async def _rest(self) -> None:
        """Let the library's own tasks end."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            _done, left = await asyncio.wait(others, timeout=1)
            for task in left:
                task.cancel()
