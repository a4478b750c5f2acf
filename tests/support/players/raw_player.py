"""A connection whose every step is the test's: by polling first, and upgraded when it is told to."""

from __future__ import annotations

import json
from typing import Any

import requests
import websocket

SEPARATOR = "\x1e"
TIMEOUT = 30


class RawPlayer:
    """In the namespace "/". `heard` has (name, first argument) of every event, in the order in which it came."""

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.sid = ""
        self._http = requests.Session()
        self._polling = f"{url}/socket.io/?EIO=4&transport=polling"
        engine_sid = json.loads(self._get().removeprefix("0"))["sid"]
        self._polling += f"&sid={engine_sid}"
        self._address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket&sid={engine_sid}"
        self._websocket: Any = None
        self.send("40")
        while not self.sid:
            self.poll()

    def emit(self, event: str, *args: Any) -> None:
        self.send(f"42{json.dumps([event, *args])}")

    def send(self, packet: str) -> None:
        if self._websocket is not None:
            self._websocket.send(packet)
        else:
            self._http.post(self._polling, data=packet, timeout=TIMEOUT).raise_for_status()

    def poll(self) -> bool:
        """One request; True when the server ended it for the upgrade."""
        packets = self._get().split(SEPARATOR)
        for packet in packets:
            self._take(packet)
        return "6" in packets

    def probe(self) -> Any:
        """The first half of an upgrade: a WebSocket that answers, while polling goes on."""
        probed = websocket.create_connection(self._address, timeout=TIMEOUT)
        probed.send("2probe")
        assert "3probe" == probed.recv()
        return probed

    def upgrade(self, probed: Any) -> None:
        """The second half: from now on everything comes by the WebSocket."""
        self._websocket = probed
        self.send("5")

    def receive(self) -> None:
        """One packet of the WebSocket."""
        self._take(self._websocket.recv())

    def close(self) -> None:
        if self._websocket is not None:
            self._websocket.close(timeout=0.1)
        self._http.close()

    def _get(self) -> str:
        answer = self._http.get(self._polling, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.content.decode()

    def _take(self, packet: str) -> None:
        if packet == "2":
            self.send("3")
        elif packet.startswith("40"):
            self.sid = json.loads(packet[2:])["sid"]
        elif packet.startswith("42"):
            name, *args = json.loads(packet[2:])
            self.heard.append((name, args[0]))
        elif packet != "6":
            raise AssertionError(packet)
