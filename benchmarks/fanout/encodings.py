"""What the options cost: JSON, msgpack and JSON with permessage-deflate, in CPU and in bytes on the wire.

The receiver only counts bytes, for which it need not understand them.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from benchmarks.fanout.run import settle
from benchmarks.fanout.server import Server, started
from benchmarks.fanout.servers.event import NAMESPACE
from benchmarks.fanout.sides import flask_server
from benchmarks.sockets import HOST, upgrade

SUBSCRIBERS = 500
SECONDS = 2.0
SETTINGS = {"100 turns a second, 1 event in each": (1, 100.0), "50 turns a second, 20 in each": (20, 50.0)}
"""(events per turn, turns per second)."""
LIMIT = 60.0
PACE = 50
QUICK_SUBSCRIBERS, QUICK_SECONDS = 20, 0.2
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

Figures = dict[str, float]
"""By `SETTING/cpu` (µs per delivered message) and `SETTING/bytes` (on the wire, frame and all)."""


@dataclass(frozen=True)
class Encoding:
    kind: str
    """The first argument of `flask_server`."""
    extensions: str
    hello: tuple[bytes, ...]
    """What a client sends: CONNECT, then `join` with an acknowledgement."""


def _text(packet: str) -> bytes:
    payload = packet.encode()
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload


def _packed(packet: dict[str, object]) -> bytes:
    import msgpack

    payload = msgpack.packb(packet)
    return bytes([0x82, 0x80 | len(payload)]) + bytes(4) + payload


_JSON = (_text(f"40{NAMESPACE},"), _text(f'42{NAMESPACE},0["join",{{}}]'))
ENCODINGS: dict[str, Callable[[], Encoding]] = {
    "JSON": lambda: Encoding("fanout", "", _JSON),
    "msgpack": lambda: Encoding(
        "fanout-msgpack",
        "",
        (
            _packed({"type": 0, "nsp": NAMESPACE}),
            _packed({"type": 2, "nsp": NAMESPACE, "id": 0, "data": ["join", {}]}),
        ),
    ),
    "JSON, deflate": lambda: Encoding("fanout-deflate", DEFLATE, _JSON),
}


def run(name: str, *, subscribers: int = SUBSCRIBERS, seconds: float = SECONDS) -> Figures:
    """One run of one encoding."""
    encoding, figures = ENCODINGS[name](), Figures()
    with (
        started(flask_server(encoding.kind, "eventlet")) as server,
        closing(Readers(server, encoding, subscribers)) as readers,
    ):
        for label, (per_turn, rate) in SETTINGS.items():
            settle(server, readers.rest)
            before = server.cpu()
            messages, size = readers.measure(per_turn, rate, seconds)
            figures[f"{label}/cpu"] = 1e6 * (server.cpu() - before) / messages
            figures[f"{label}/bytes"] = size / messages
    return figures


class Readers:
    """Subscribers that take bytes and count them."""

    def __init__(self, server: Server, encoding: Encoding, subscribers: int) -> None:
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self.bytes = 0
        for _ in range(subscribers):
            self._connect(encoding)

    def close(self) -> None:
        self._selector.close()
        for sock in self._sockets:
            sock.close()

    def rest(self, seconds: float) -> None:
        self._take(time.monotonic() + seconds)

    def measure(self, per_turn: int, rate: float, seconds: float) -> tuple[int, int]:
        """(messages that were delivered, their bytes)."""
        before, control = self.bytes, self._server.control
        control.send(f"run {per_turn} {rate} {seconds} {1 << 30}")
        deadline = time.monotonic() + LIMIT
        while not (answer := control.line(0)):
            self._take(time.monotonic() + 0.05)
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not get on")
        taken = -1
        while taken != self.bytes:  # until nothing comes any more
            taken = self.bytes
            self._take(time.monotonic() + 0.2)
        return int(answer.removeprefix("done ")) * per_turn * len(self._sockets), self.bytes - before

    def _connect(self, encoding: Encoding) -> None:
        sock = socket.create_connection((HOST, self._server.port), timeout=LIMIT)
        self._sockets.append(sock)
        sock.sendall(upgrade(self._server.port, encoding.extensions))
        head, _, rest = _until(sock, b"", b"\r\n\r\n").partition(b"\r\n\r\n")
        if encoding.extensions and b"permessage-deflate" not in head:
            raise ConnectionError("the server does not compress")
        rest = _frames(sock, rest, 1)  # the open packet
        for frame in encoding.hello:
            sock.sendall(frame)
            rest = _frames(sock, rest, 1)
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ)

    def _take(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            for key, _events in self._selector.select(left):
                got = key.fileobj.recv(1 << 20)  # type: ignore[union-attr]  # they are sockets
                if not got:
                    raise ConnectionError("the server closed a subscriber's connection")
                self.bytes += len(got)


def _until(sock: socket.socket, data: bytes, wanted: bytes) -> bytes:
    while wanted not in data:
        data += _some(sock)
    return data


def _frames(sock: socket.socket, data: bytes, count: int) -> bytes:
    """Read past so many frames; what follows them."""
    for _ in range(count):
        while (end := _end_of_frame(data)) is None:
            data += _some(sock)
        data = data[end:]
    return data


def _end_of_frame(data: bytes) -> int | None:
    if len(data) < 4:
        return None
    short = data[1] & 0x7F
    end = 2 + short if short < 126 else 4 + int.from_bytes(data[2:4], "big")
    return end if end <= len(data) else None


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise ConnectionError("the server closed a subscriber's connection")
    return data
