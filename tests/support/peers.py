"""The other side of Engine.IO, one packet or one frame at a time: it does what it is told, right or wrong."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import socket
import struct
from typing import Any, Self

import requests
import websocket
from websocket import ABNF

TIMEOUT = 5.0
SEPARATOR = "\x1e"
TEXT, BINARY, CONTINUATION = ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT
CLOSE, PING, PONG = ABNF.OPCODE_CLOSE, ABNF.OPCODE_PING, ABNF.OPCODE_PONG
_marks = itertools.count()


def address(port: int, path: str, query: str, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{port}{path}?{query}"


class Polling:
    """A session over HTTP long-polling; each request has a connection of its own."""

    def __init__(self, port: int, path: str = "/engine.io/") -> None:
        self._port, self._path = port, path
        self.handshake = requests.get(address(port, path, "EIO=4&transport=polling"), timeout=TIMEOUT)
        assert 200 == self.handshake.status_code
        self.opened = json.loads(self.handshake.text[1:])
        self.sid: str = self.opened["sid"]
        self.query = f"EIO=4&transport=polling&sid={self.sid}"
        self.url = address(port, path, self.query)

    def post(self, *packets: str) -> requests.Response:
        return self.post_body(SEPARATOR.join(packets).encode())

    def post_body(self, body: bytes) -> requests.Response:
        return requests.post(self.url, data=body, headers={"Content-Type": "text/plain"}, timeout=TIMEOUT)

    def send(self, *packets: str) -> None:
        """Post, and be told that it was well."""
        answer = self.post(*packets)
        assert (200, "ok") == (answer.status_code, answer.text), (answer.status_code, answer.text)

    def poll(self) -> requests.Response:
        return requests.get(self.url, timeout=TIMEOUT)

    def next(self) -> list[str]:
        """The packets of the next answer, which must be a good one."""
        answer = self.poll()
        assert 200 == answer.status_code, (answer.status_code, answer.text)
        return answer.text.split(SEPARATOR)

    def take(self, count: int) -> list[str]:
        """As many packets, in as many answers as it takes."""
        packets: list[str] = []
        while len(packets) < count:
            packets += self.next()
        return packets

    def is_over(self) -> bool:
        """Whether the server knows nothing of the session: a poll and a post are refused."""
        return (400, 400) == (self.poll().status_code, self.post("4anybody?").status_code)


class Request:
    """An HTTP request whose answer is awaited later, or never."""

    def __init__(self, port: int, method: str, target: str, *, body: bytes = b"", length: int | None = None) -> None:
        """`length`: what is announced, if the body is not all there."""
        self.mark = f"t={next(_marks)}-"
        head = f"{method} {target}&{self.mark} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body) if length is None else length}\r\nContent-Type: text/plain\r\n"
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._sock.sendall(head.encode() + b"\r\n" + body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._sock.close()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def answer(self) -> tuple[int, str]:
        """(status, body)."""
        response = http.client.HTTPResponse(self._sock)
        response.begin()
        with response:
            return response.status, response.read().decode()

    def cancel(self) -> None:
        self._sock.close()


class WebSocket:
    """A WebSocket, to the handshake's OPEN packet or, with `sid`, to be upgraded to."""

    def __init__(self, port: int, path: str = "/engine.io/", *, sid: str | None = None, query: str = "") -> None:
        query = query or "EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")
        self._websocket = websocket.create_connection(address(port, path, query, "ws"), timeout=TIMEOUT)
        self.sock: socket.socket = self._websocket.sock
        self.opened: dict[str, Any] = {}
        if sid is None:
            packet = self.next()
            assert isinstance(packet, str)
            assert "0" == packet[0]
            self.opened = json.loads(packet[1:])

    @property
    def sid(self) -> str:
        return str(self.opened["sid"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.sock.close()

    def send(self, *packets: str | bytes) -> None:
        """Each packet as one message in one frame."""
        for packet in packets:
            self.frame(packet, TEXT if isinstance(packet, str) else BINARY)

    def frame(self, payload: str | bytes, opcode: int, fin: int = 1) -> None:
        """Any one frame, masked."""
        self.write(frame(payload, opcode, fin))

    def write(self, data: bytes) -> None:
        """Any bytes. A server that has closed already is no error: what it said is still to be read."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def next_frame(self) -> tuple[int, bytes]:
        """(opcode, payload); EOFError when the connection has ended."""
        try:
            received = self._websocket.recv_frame()
        except (websocket.WebSocketConnectionClosedException, ConnectionError) as error:
            raise EOFError from error
        return received.opcode, received.data

    def next(self) -> str | bytes:
        """The next message; what comes in its place is an error."""
        opcode, payload = self.next_frame()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return payload.decode() if opcode == TEXT else payload

    def take(self, count: int) -> list[str | bytes]:
        return [self.next() for _ in range(count)]

    def answer_pings(self, until: str) -> list[str | bytes]:
        """What is heard before the message `until`; pings are answered."""
        heard: list[str | bytes] = []
        while (packet := self.next()) != until:
            if packet == "2":
                self.send("3")
            else:
                heard.append(packet)
        return heard

    def closed(self) -> int | None:
        """Read until the connection has ended; the code of the close frame, None if there was none.

        The frame is answered: a server may wait for that.
        """
        code = None
        with contextlib.suppress(EOFError):
            while True:
                opcode, payload = self.next_frame()
                if opcode == CLOSE:
                    code = struct.unpack("!H", payload[:2])[0] if payload else 1005
                    self.frame(payload[:2], CLOSE)
        return code

    def end(self) -> None:
        """Say that nothing more will come, and go on listening."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Vanish as a process does that is killed with data unread."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def frame(payload: str | bytes, opcode: int, fin: int = 1) -> bytes:
    """Any one frame, masked, as a client sends it."""
    data = payload.encode() if isinstance(payload, str) else payload
    first, size, key = fin << 7 | opcode, len(data), os.urandom(4)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first, 0xFF, size)
    mask = itertools.cycle(key)
    return head + key + bytes(byte ^ next(mask) for byte in data)
