"""A WebSocket client that reads as many bytes as it is told to, from a socket that hardly holds any."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from wsproto.frame_protocol import FrameProtocol, Opcode

from tests.support.certificates import trusting

TIMEOUT = 30


class ByteReader:
    """In the namespace "/". `events` are [name, args...] in the order in which they came, `answers` the arguments of
    acknowledgements by id.

    Frames are read by wsproto, which accepts nothing that is not one.
    """

    def __init__(self, url: str, *, receive_buffer: int = 4096, early: Sequence[str] = (), clean: bool = False) -> None:
        """`early`: packets that go out with the handshake, the one that connects among them.

        `clean`: an end of TLS without a goodbye is an error.
        """
        self.events: list[list[Any]] = []
        self.answers: dict[int, list[Any]] = {}
        self.ended = False
        self.sid = ""
        self._text = ""
        self._frames = FrameProtocol(client=True, extensions=[])
        address = urlsplit(url)
        self.socket = socket.socket()
        self.socket.settimeout(TIMEOUT)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect((address.hostname, address.port))
        if address.scheme == "https":
            self.socket = trusting().wrap_socket(
                self.socket, server_hostname=address.hostname, suppress_ragged_eofs=not clean
            )
        self._shake_hands(address.netloc, b"".join(self._frames.send_data(packet, fin=True) for packet in early))
        if not early:
            self.send("40")
        while not self.sid:
            self.read(4096)

    def emit(self, event: str, *args: Any) -> None:
        self.send(f"42{json.dumps([event, *args])}")

    def send(self, packet: str) -> None:
        self.socket.sendall(self._frames.send_data(packet, fin=True))

    def read(self, most: int) -> None:
        """Wait for `most` bytes at most, and take the frames that are whole."""
        data = self.socket.recv(most)
        self.ended = not data
        self._frames.receive_bytes(data)
        for frame in self._frames.received_frames():
            if frame.opcode is Opcode.TEXT:
                self._text += frame.payload
                if frame.message_finished:
                    self._take(self._text)
                    self._text = ""

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """End it with a RST in place of a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def say_goodbye(self) -> None:
        """Send a close frame, and go on reading."""
        self.socket.sendall(self._frames.close(1000))

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on to exist."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def _shake_hands(self, host: str, more: bytes) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            + more
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert b" 101 " in head.partition(b"\r\n")[0], head

    def _take(self, packet: str) -> None:
        if packet == "2":
            self.send("3")
        elif packet.startswith("40"):
            self.sid = json.loads(packet[2:])["sid"]
        elif packet.startswith("42"):
            self.events.append(json.loads(packet[2:]))
        elif packet.startswith("43"):
            number, bracket, rest = packet[2:].partition("[")
            self.answers[int(number)] = json.loads(bracket + rest)
        else:
            assert packet.startswith(("0", "1", "6")), packet
