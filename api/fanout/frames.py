"""WebSocket frames (RFC 6455, section 5): messages out, and what a client sends in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_CONTINUATION = 0x0
_FINAL = 0x80
_COMPRESSED = 0x40
"""The first reserved bit, when permessage-deflate was agreed on."""
_MASKED = 0x80
_SHORT = 125
"""Bytes of payload that the first length field can tell; no control frame may have more."""
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED = 1000, 1001, 1002, 1003
NO_STATUS, INVALID_DATA, POLICY, TOO_BIG = 1005, 1007, 1008, 1009
_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
"""What a close frame may name besides an application's own from 3000 to 4999 (IANA's registry)."""

Incoming = tuple[int, "str | bytes"]


class BadFrame(Exception):
    """What came is against the protocol or the limits: the connection closes with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def frame(message: str | bytes) -> bytes:
    """The one frame that carries `message`, unmasked as from a server: text for str, binary for bytes."""
    if isinstance(message, str):
        return _framed(TEXT, message.encode())
    return _framed(BINARY, message)


def compressed_frame(message: str | bytes, payload: bytes) -> bytes:
    """The frame that carries `message` as `payload`, which is compressed."""
    return _framed((TEXT if isinstance(message, str) else BINARY) | _COMPRESSED, payload)


def pong(payload: bytes) -> bytes:
    return _framed(PONG, payload)


PING_FRAME = bytes((_FINAL | PING, 0))


def closing(code: int, reason: str = "") -> bytes:
    """A close frame; `NO_STATUS` answers one that named no code."""
    if code == NO_STATUS:
        return _framed(CLOSE, b"")
    return _framed(CLOSE, struct.pack("!H", code) + reason.encode()[: _SHORT - 2])


def _framed(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size <= _SHORT:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", _FINAL | opcode, 126, size) + payload
    return struct.pack("!BBQ", _FINAL | opcode, 127, size) + payload


def close_code(payload: bytes) -> int:
    """The code that a close frame names. `BadFrame` for one that no client may send, or a reason that is no text."""
    if not payload:
        return NO_STATUS
    if len(payload) == 1:
        raise BadFrame(PROTOCOL_ERROR, "a close frame of one byte")
    code = int.from_bytes(payload[:2], "big")
    if code not in _CODES and not 3000 <= code < 5000:
        raise BadFrame(PROTOCOL_ERROR, "a close code that does not exist")
    _text(payload[2:])
    return code


class FrameReader:
    """Puts a client's messages together from whatever pieces its bytes arrive in.

    Holds no more than one message, of `most` bytes in all its fragments, and what one `feed` brought.
    """

    __slots__ = ("_bytes", "_fragments", "_inflate", "_open", "_opening", "_size", "most")

    def __init__(self, most: int, inflate: Callable[[bytes, int], bytes] | None = None) -> None:
        """`inflate(payload, most)` unpacks compressed messages, where that was agreed on."""
        self.most = most
        self._inflate = inflate
        self._bytes = b""
        self._open = False
        self._fragments: list[bytes] = []
        self._opening = 0
        """The first byte of the message that is open."""
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Whole messages, and control frames between them, as (opcode, payload): str for `TEXT`, else bytes.

        `BadFrame` where the stream breaks the protocol; nothing can be read after that.
        """
        data = self._bytes + data if self._bytes else data
        at = 0
        try:
            while (found := self._frame(data, at)) is not None:
                first, payload, at = found
                whole = self._joined(first, payload)
                if whole is not None:
                    yield whole
        finally:
            self._bytes = data[at:]

    def _frame(self, data: bytes, at: int) -> tuple[int, bytes, int] | None:
        """(first byte, payload, where the next one begins); None while it is not all there."""
        there = len(data) - at
        if there < 2:
            return None
        first, second = data[at], data[at + 1]
        self._check(first, second)
        size, start = second & 0x7F, at + 2
        if size > _SHORT:
            width = 2 if size == 126 else 8
            if there < 2 + width:
                return None
            size = int.from_bytes(data[start : start + width], "big")
            start += width
        if first & 0x0F < CLOSE and self._size + size > self.most:
            raise BadFrame(TOO_BIG, f"a message may have {self.most} bytes")
        end = start + 4 + size
        if len(data) < end:
            return None
        payload = _unmasked(data[start + 4 : end], data[start : start + 4])
        return first, payload, end

    def _check(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if first & 0x30 or (first & _COMPRESSED and (self._inflate is None or not TEXT <= opcode <= BINARY)):
            raise BadFrame(PROTOCOL_ERROR, "reserved bits, but no extension was agreed on")
        if not second & _MASKED:
            raise BadFrame(PROTOCOL_ERROR, "a client masks its frames")
        if opcode >= CLOSE:
            if opcode > PONG:
                raise BadFrame(PROTOCOL_ERROR, "an unknown control frame")
            if not first & _FINAL or second & 0x7F > _SHORT:
                raise BadFrame(PROTOCOL_ERROR, "a control frame is short and in one piece")
        elif opcode > BINARY:
            raise BadFrame(PROTOCOL_ERROR, "an unknown data frame")
        elif (opcode == _CONTINUATION) is not self._open:
            raise BadFrame(PROTOCOL_ERROR, "fragments out of order")

    def _joined(self, first: int, payload: bytes) -> Incoming | None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return opcode, payload
        if opcode != _CONTINUATION:
            if first & _FINAL:
                return self._message(first, payload)
            self._open, self._opening = True, first
        if payload:  # else a flood of empty ones would add up
            self._fragments.append(payload)
        self._size += len(payload)
        if not first & _FINAL:
            return None
        payload = b"".join(self._fragments)
        self._open, self._fragments, self._size = False, [], 0
        return self._message(self._opening, payload)

    def _message(self, first: int, payload: bytes) -> Incoming:
        opcode = first & 0x0F
        if first & _COMPRESSED and self._inflate is not None:
            payload = self._inflate(payload, self.most)
        return opcode, _text(payload) if opcode == TEXT else payload


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise BadFrame(INVALID_DATA, "text that is not UTF-8") from None


def _unmasked(payload: bytes, mask: bytes) -> bytes:
    """As one exclusive or of two large integers: a loop over bytes in Python takes 70 times as long."""
    size = len(payload)
    if not size:
        return b""
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
