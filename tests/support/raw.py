"""The bare protocol, one message at a time: a subscriber that reads when it is told to and not before."""

from __future__ import annotations

import contextlib
import json
import socket
from collections import deque
from typing import Any, Self

import requests
import websocket

from tests.support.events import NAMESPACE, Json

Message = tuple[str, Any]
_EVENT = f"42{NAMESPACE},"


class RawSubscriber:
    """One Socket.IO connection in `/tasks`. Not for several threads."""

    def __init__(self) -> None:
        self._packets: deque[str] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def emit(self, event: str, data: Any) -> None:
        self.send(f"{_EVENT}{json.dumps([event, data])}")

    def next(self) -> Message:
        """The next event of the server as (name, data); answers pings on the way."""
        while True:
            packet = self._packets.popleft() if self._packets else self._receive()
            if packet == "2":
                self.send("3")
            elif packet.startswith(_EVENT):
                name, *data = json.loads(packet[len(_EVENT) :])
                return name, data[0] if data else None

    def until(self, name: str) -> tuple[list[Message], Json]:
        """(what came before, the data of the first `name`)."""
        before = []
        while (message := self.next())[0] != name:
            before.append(message)
        return before, message[1]

    def open_namespace(self) -> None:
        self.send(f"40{NAMESPACE},")
        self.until("connected")

    def send(self, packet: str) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _receive(self) -> str:
        raise NotImplementedError


class RawWebSocket(RawSubscriber):
    def __init__(self, port: int, *, receive_buffer: int | None = None, timeout: float = 30) -> None:
        """`receive_buffer`: bytes that the kernel takes for a reader that does not read."""
        super().__init__()
        options = [] if receive_buffer is None else [(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)]
        address = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        # Decoding checks it anyway; websocket-client does so byte by byte, which takes longer than all the rest.
        self._websocket = websocket.create_connection(
            address, timeout=timeout, sockopt=options, skip_utf8_validation=True
        )
        self.open_namespace()

    def send(self, packet: str) -> None:
        self._websocket.send(packet)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the server may have been first
            self._websocket.close(timeout=0.2)

    def _receive(self) -> str:
        packet = self._websocket.recv()
        if not packet:
            raise ConnectionError("the server closed the connection")
        return str(packet)


class RawPolling(RawSubscriber):
    def __init__(self, port: int) -> None:
        super().__init__()
        self._session = requests.Session()
        self._url = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
        opened = self._session.get(self._url, timeout=30)
        self._url += f"&sid={json.loads(opened.text[1:])['sid']}"
        self.open_namespace()

    def send(self, packet: str) -> None:
        self._session.post(self._url, data=packet, timeout=30).raise_for_status()

    def close(self) -> None:
        self._session.post(self._url, data="1", timeout=5)
        self._session.close()

    def _receive(self) -> str:
        answer = self._session.get(self._url, timeout=60)
        if not answer.ok:
            raise ConnectionError(f"the server answered {answer.status_code}")
        self._packets.extend(answer.text.split("\x1e"))
        return self._packets.popleft()
