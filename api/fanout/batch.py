"""Packets that leave together: frames in one write on a WebSocket, one payload on polling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engineio.packet import MESSAGE, PING

from api.fanout.frames import frame

SEPARATOR = "\x1e"
"""Between the packets of a payload (Engine.IO protocol 4, HTTP long-polling)."""


class TextPacket:
    """An Engine.IO packet that carries text: what `engineio.packet.Packet` is asked for, made in less time."""

    __slots__ = ("data", "deflated", "frame")
    packet_type = MESSAGE
    binary = False
    frame: bytes
    deflated: bytes

    def __init__(self, text: str) -> None:
        self.data = text

    def encode(self, b64: bool = False) -> str:
        return f"{MESSAGE}{self.data}"


class TextMessage:
    """A message of a plain WebSocket, in the form of a packet."""

    __slots__ = ("data", "deflated", "frame")
    packet_type = MESSAGE
    binary = False
    frame: bytes
    deflated: bytes

    def __init__(self, text: str) -> None:
        self.data = text

    def encode(self, b64: bool = False) -> str:
        return self.data


class ControlFrame:
    """A frame of the WebSocket's own, as the answer to its ping: it waits where packets wait, and passes data."""

    __slots__ = ("deflated", "frame")
    packet_type = PING
    binary = False

    def __init__(self, encoded: bytes) -> None:
        self.frame = self.deflated = encoded


def frame_of(packet: Any) -> bytes:
    """The packet as a frame; made once, however many connections it goes to."""
    try:
        known: bytes = packet.frame
    except AttributeError:
        known = packet.frame = frame(packet.data if packet.binary else packet.encode())
    return known


Framed = Callable[[Any], bytes]


def size_of(packet: Any) -> int:
    """Bytes that the packet takes, nearly: what it counts for while it waits."""
    known = getattr(packet, "frame", None)
    return len(known if known is not None else packet.encode())


class Batch:
    """Some packets, in the form that a transport needs."""

    binary = False
    __slots__ = ("_head", "packets")

    def __init__(self, packets: Sequence[Any], head: bytes = b"") -> None:
        """`head`: the rest of a frame that was written in part, to go before everything else."""
        self.packets = packets
        self._head = head

    def frames(self, framed: Framed = frame_of) -> bytes:
        return self._head + b"".join(map(framed, self.packets))

    def encode(self, b64: bool = True) -> str:
        """As a payload. engineio asks so for what it takes for one packet."""
        return SEPARATOR.join(map(_polled, self.packets))


def _polled(packet: Any) -> str:
    """A binary packet's own cache ignores which form was asked for: it is shared with WebSockets."""
    if packet.binary:
        packet.encode_cache = None
    encoded: str = packet.encode(b64=True)
    if packet.binary:
        packet.encode_cache = None
    return encoded
