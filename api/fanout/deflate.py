"""permessage-deflate (RFC 7692) without context: every message stands alone, so that a room shares one frame."""

from __future__ import annotations

import zlib
from typing import Any

from api.fanout.frames import INVALID_DATA, TOO_BIG, BadFrame, compressed_frame, frame

ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
_LEAST = 100
"""Bytes from which on it is worth its while."""
_LEVEL = 1
"""The fastest: it finds nearly all that there is to find in a message that stands alone."""
_TAIL = b"\x00\x00\xff\xff"
_HARMLESS = frozenset(
    (
        "client_max_window_bits",
        "client_no_context_takeover",
        "server_no_context_takeover",
        "server_max_window_bits=15",
    )
)
"""What an offer may ask for, to be granted by `ANSWER`."""


def offered(extensions: str) -> bool:
    """Whether a client's Sec-WebSocket-Extensions has an offer that `ANSWER` fits."""
    return any(_fits(offer) for offer in extensions.split(","))


def _fits(offer: str) -> bool:
    name, *wishes = (part.strip().replace(" ", "").replace('"', "") for part in offer.split(";"))
    return name == "permessage-deflate" and all(
        wish in _HARMLESS or wish.startswith("client_max_window_bits=") for wish in wishes
    )


def deflated_frame_of(packet: Any) -> bytes:
    """The packet as a compressed frame; made once, however many connections it goes to."""
    try:
        known: bytes = packet.deflated
    except AttributeError:
        known = packet.deflated = _deflated(packet.data if packet.binary else packet.encode())
    return known


def _deflated(message: str | bytes) -> bytes:
    payload = message.encode() if isinstance(message, str) else message
    if len(payload) < _LEAST:
        return frame(message)
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    squeezed = squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    return compressed_frame(message, squeezed[: -len(_TAIL)])


def inflated(payload: bytes, most: int) -> bytes:
    """A client's message. `BadFrame` when it is no such data, or has more than `most` bytes when unpacked."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = unpack.decompress(payload + _TAIL, most + 1)
    except zlib.error:
        raise BadFrame(INVALID_DATA, "compressed data that is none") from None
    if len(message) > most:
        raise BadFrame(TOO_BIG, f"a message may have {most} bytes")
    return message
