"""Packets that leave together: frames in one write on a WebSocket, one payload on polling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.fanout.frames import frame

_SEPARATOR = "\x1e"
"""Between the packets of a payload (Engine.IO protocol 4, HTTP long-polling)."""


class Frames(bytes):
    """Bytes that are WebSocket frames already."""


def frame_of(packet: Any) -> bytes:
    """The packet as a frame; made once, however many connections it goes to."""
    try:
        known: bytes = packet.frame
    except AttributeError:
        known = packet.frame = frame(packet.data if packet.binary else packet.encode())
    return known


def size_of(packet: Any) -> int:
    """Bytes that the packet takes, nearly: what it counts for while it waits."""
    known = getattr(packet, "frame", None)
    return len(known if known is not None else packet.encode())


class Batch:
    """Looks to engineio like one packet. Its transport asks for the form that it needs."""

    binary = False

    def __init__(self, packets: Sequence[Any], head: bytes = b"") -> None:
        """`head`: the rest of a frame that was written in part, to go before everything else."""
        self._packets = packets
        self._head = head

    def encode(self, b64: bool = False) -> str | Frames:
        """A polling transport asks with `b64`, a WebSocket without."""
        if b64:
            return _SEPARATOR.join(_polled(packet) for packet in self._packets)
        return Frames(self._head + b"".join(map(frame_of, self._packets)))


def _polled(packet: Any) -> str:
    """A binary packet's own cache ignores which form was asked for: it is shared with WebSockets."""
    if packet.binary:
        packet.encode_cache = None
    encoded: str = packet.encode(b64=True)
    if packet.binary:
        packet.encode_cache = None
    return encoded
