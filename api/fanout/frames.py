"""A message as a WebSocket frame (RFC 6455, section 5.2): final, unmasked as from a server, uncompressed."""

from __future__ import annotations

import struct

_TEXT, _BINARY = 0x81, 0x82


def frame(message: str | bytes) -> bytes:
    """The one frame that carries `message`: a text frame for str, a binary one for bytes."""
    payload = message.encode() if isinstance(message, str) else message
    opcode = _TEXT if isinstance(message, str) else _BINARY
    size = len(payload)
    if size < 126:
        return bytes((opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload
