"""WebSocket frames (RFC 6455) below Engine.IO: what is wrong closes the connection and says why."""

from __future__ import annotations

import json
import socket
import struct
from typing import NamedTuple

import pytest
import websocket

from tests.conformance.echoing import MOST, PATH, assert_alive
from tests.support.peers import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    TIMEOUT,
    WebSocket,
    address,
    frame,
)

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009


class Wrong(NamedTuple):
    data: bytes
    code: int


def unmasked(payload: bytes, opcode: int) -> bytes:
    return bytes((0x80 | opcode, len(payload))) + payload


WRONG = {
    "unmasked": Wrong(unmasked(b"4hello", TEXT), PROTOCOL_ERROR),
    "unmasked-close": Wrong(unmasked(b"", CLOSE), PROTOCOL_ERROR),
    "opcode-3": Wrong(frame("4hello", 0x3), PROTOCOL_ERROR),
    "opcode-11": Wrong(frame("", 0xB), PROTOCOL_ERROR),
    "rsv1": Wrong(bytes((0xC1,)) + frame("4hello", TEXT)[1:], PROTOCOL_ERROR),
    "rsv2": Wrong(bytes((0xA1,)) + frame("4hello", TEXT)[1:], PROTOCOL_ERROR),
    "rsv3": Wrong(bytes((0x91,)) + frame("4hello", TEXT)[1:], PROTOCOL_ERROR),
    "long-ping": Wrong(frame(bytes(126), PING), PROTOCOL_ERROR),
    "long-close": Wrong(frame(struct.pack("!H", 1000) + b"x" * 124, CLOSE), PROTOCOL_ERROR),
    "ping-in-fragments": Wrong(frame(b"", PING, fin=0), PROTOCOL_ERROR),
    "continuation-of-nothing": Wrong(frame("4hello", CONTINUATION), PROTOCOL_ERROR),
    "message-within-another": Wrong(frame("4he", TEXT, fin=0) + frame("4llo", TEXT), PROTOCOL_ERROR),
    "close-of-one-byte": Wrong(frame(b"\x03", CLOSE), PROTOCOL_ERROR),
    "close-code-999": Wrong(frame(struct.pack("!H", 999), CLOSE), PROTOCOL_ERROR),
    "close-code-1005": Wrong(frame(struct.pack("!H", 1005), CLOSE), PROTOCOL_ERROR),
    "close-reason-not-utf-8": Wrong(frame(struct.pack("!H", 1000) + b"\xff", CLOSE), NOT_UTF8),
    "text-not-utf-8": Wrong(frame(b"4\xff\xfe", TEXT), NOT_UTF8),
    "surrogate": Wrong(frame(b"4\xed\xa0\x80", TEXT), NOT_UTF8),
    "cut-character": Wrong(frame("4€".encode()[:-1], TEXT), NOT_UTF8),
    "not-utf-8-in-fragments": Wrong(frame("4", TEXT, fin=0) + frame(b"\xff", CONTINUATION), NOT_UTF8),
    "too-big": Wrong(frame("4" + "x" * MOST, TEXT), TOO_BIG),
    "too-big-binary": Wrong(frame(bytes(MOST + 1), BINARY), TOO_BIG),
    "too-big-in-fragments": Wrong(frame("4" + "x" * 40_000, TEXT, fin=0) + frame("x" * 40_000, CONTINUATION), TOO_BIG),
    "too-big-in-many-fragments": Wrong(frame("4", TEXT, fin=0) + frame("x" * 1000, CONTINUATION, fin=0) * 66, TOO_BIG),
    "too-big-by-its-header": Wrong(struct.pack("!BBQ", 0x81, 0xFF, 1 << 40) + bytes(4), TOO_BIG),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_frame_closes_the_websocket_and_says_why(echo, wrong):
    with WebSocket(echo.port) as peer:
        peer.write(wrong.data)
        assert wrong.code == peer.closed()
        echo.wait_freed(peer.sid)
    assert_alive(echo)


def test_a_length_beyond_63_bits_closes_the_websocket(echo):
    with WebSocket(echo.port) as peer:
        peer.write(b"\x81\xff" + b"\xff" * 8 + bytes(4))
        assert peer.closed() in (PROTOCOL_ERROR, TOO_BIG)
        echo.wait_freed(peer.sid)


def test_what_came_before_a_wrong_frame_was_heard(echo):
    with WebSocket(echo.port) as peer:
        peer.write(frame("4first", TEXT) + unmasked(b"4second", TEXT))
        assert "4first" == peer.next()
        assert PROTOCOL_ERROR == peer.closed()


def test_nothing_is_heard_after_a_wrong_frame(echo):
    with WebSocket(echo.port) as peer:
        peer.write(unmasked(b"4first", TEXT) + frame("4second", TEXT))
        opcode, _ = peer.next_frame()
        assert CLOSE == opcode


@pytest.mark.parametrize("payload", [b"", b"are you there?", bytes(125)])
def test_a_websocket_ping_is_answered(echo, payload):
    with WebSocket(echo.port) as peer:
        peer.frame(payload, PING)
        assert (PONG, payload) == peer.next_frame()


def test_a_pong_that_nobody_asked_for_is_ignored(echo):
    with WebSocket(echo.port) as peer:
        peer.frame(b"here", PONG)
        peer.send("4hello")
        assert "4hello" == peer.next()


def test_fragments_are_put_together_with_a_ping_between_them(echo):
    with WebSocket(echo.port) as peer:
        euro = "€".encode()
        peer.write(frame(b"4" + euro[:1], TEXT, fin=0) + frame(b"", CONTINUATION, fin=0) + frame(b"?", PING))
        assert (PONG, b"?") == peer.next_frame()
        peer.write(frame(euro[1:], CONTINUATION, fin=0) + frame(b"", CONTINUATION))
        assert "4€" == peer.next()
        peer.write(frame(b"\x01", BINARY, fin=0) + frame(b"\x02", CONTINUATION))
        assert b"\x01\x02" == peer.next()


def test_a_message_of_64_kib_may_come_in_fragments(echo):
    with WebSocket(echo.port) as peer:
        part = "x" * (MOST // 2)
        peer.write(frame("4" + part[1:], TEXT, fin=0) + frame(part, CONTINUATION))
        assert "4" + part[1:] + part == peer.next()


def test_a_frame_that_comes_byte_by_byte_is_whole(echo):
    with WebSocket(echo.port) as peer:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame("4" + "x" * 130, TEXT):
            peer.write(bytes((byte,)))
        assert "4" + "x" * 130 == peer.next()


def test_a_websocket_agrees_to_no_extension(echo):
    wire = websocket.create_connection(
        address(echo.port, PATH, "EIO=4&transport=websocket", "ws"),
        header=["Sec-WebSocket-Extensions: permessage-deflate"],
        timeout=TIMEOUT,
    )
    try:
        assert "sec-websocket-extensions" not in wire.headers
        assert "sid" in json.loads(wire.recv()[1:])
    finally:
        wire.shutdown()
