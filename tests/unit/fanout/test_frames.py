"""WebSocket frames: what another implementation reads of ours, and what ours makes of what comes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode

from api.fanout import frames
from api.fanout.frames import BadFrame, FrameReader, close_code, closing, frame, pong

MOST = 65536


def masked(first, payload, *, mask=b"\x01\x02\x03\x04", length=None):
    """A client's frame, whatever the protocol says of it."""
    size = len(payload) if length is None else length
    if size <= 125:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))


def read(data, most=MOST):
    return list(FrameReader(most).feed(data))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
@pytest.mark.parametrize("make", [lambda size: "é" * (size // 2) + "x" * (size % 2), lambda size: b"\xff" * size])
def test_another_implementation_reads_what_was_framed(size, make):
    message = make(size)
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(frame(message))
    (read,) = reader.received_frames()
    assert (Opcode.TEXT if isinstance(message, str) else Opcode.BINARY, True) == (read.opcode, read.message_finished)
    assert message == read.payload


def test_another_implementation_reads_pongs_and_goodbyes():
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(pong(b"here") + closing(1009, "too large"))
    answer, goodbye = reader.received_frames()
    assert (Opcode.PONG, b"here") == (answer.opcode, answer.payload)
    assert (Opcode.CLOSE, (1009, "too large")) == (goodbye.opcode, goodbye.payload)


messages = st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300), st.just("x" * 70_000)), max_size=6)


@given(messages, st.lists(st.integers(1, 400), min_size=1, max_size=8), st.integers(1, 3))
def test_what_another_implementation_sends_arrives_whole_in_whatever_pieces(sent, cuts, fragments):
    writer = FrameProtocol(client=True, extensions=[])
    wire = b""
    for message in sent:
        size = max(1, -(-len(message) // fragments))
        parts = [message[at : at + size] for at in range(0, len(message), size)] or [message]
        for number, part in enumerate(parts, 1):
            wire += writer.send_data(part, fin=number == len(parts))
            if number < len(parts):
                wire += writer.ping(b"between")
    reader, heard, at = FrameReader(1_000_000), [], 0
    while at < len(wire):
        size = cuts[at % len(cuts)] if len(wire) < 5000 else 30_000
        heard += reader.feed(wire[at : at + size])
        at += size
    assert sent == [payload for opcode, payload in heard if opcode != frames.PING]
    assert {b"between"} >= {payload for opcode, payload in heard if opcode == frames.PING}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", 1002),  # unmasked
        (masked(0xC1, b"hi"), 1002),  # a reserved bit
        (masked(0x83, b"hi"), 1002),  # a data frame of no kind
        (masked(0x8B, b"hi"), 1002),  # a control frame of no kind
        (masked(0x09, b"hi"), 1002),  # half a ping
        (masked(0x89, b"x" * 126), 1002),  # a long ping
        (masked(0x80, b"hi"), 1002),  # goes on with nothing
        (masked(0x01, b"hi") + masked(0x81, b"hi"), 1002),  # begins twice
        (masked(0x81, b"\xff\xfe"), 1007),
        (masked(0x01, b"\xc3") + masked(0x80, b"("), 1007),
        (masked(0x82, b"x" * (MOST + 1)), 1009),
        (masked(0x82, b"", length=2**62), 1009),  # only announced
        (masked(0x02, b"x" * MOST) + masked(0x80, b"x"), 1009),
    ],
)
def test_what_breaks_the_protocol_names_the_code_to_close_with(data, code):
    with pytest.raises(BadFrame) as caught:
        read(data)
    assert code == caught.value.code


def test_a_message_of_the_limit_passes_and_a_ping_between_its_fragments_counts_for_nothing():
    data = masked(0x02, b"x" * (MOST - 1)) + masked(0x89, b"x" * 125) + masked(0x80, b"x")
    assert [(frames.PING, b"x" * 125), (frames.BINARY, b"x" * MOST)] == read(data)


def test_a_character_may_be_cut_in_two_by_fragments():
    assert [(frames.TEXT, "é")] == read(masked(0x01, "é".encode()[:1]) + masked(0x80, "é".encode()[1:]))


def test_a_flood_of_empty_fragments_is_not_kept():
    reader = FrameReader(MOST)
    assert [] == list(reader.feed(masked(0x01, b"") + masked(0x00, b"") * 5000))
    assert [] == reader._fragments


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", frames.NO_STATUS), (b"\x03\xe8bye", 1000), (b"\x0f\xa0", 4000), (b"\x03\xf1", 1009)]
)
def test_a_close_frame_names_a_code(payload, code):
    assert code == close_code(payload)


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xed", b"\x00\x01", b"\x13\x88", b"\x03\xe8\xff"])
def test_a_close_frame_that_may_not_be_sent_is_bad(payload):
    with pytest.raises(BadFrame):
        close_code(payload)


def test_an_answer_to_a_close_frame_without_a_code_has_none():
    assert b"\x88\x00" == closing(frames.NO_STATUS)
