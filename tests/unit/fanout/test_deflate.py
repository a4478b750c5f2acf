"""permessage-deflate: what another implementation makes of ours, and what ours makes of bombs."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol

from api.fanout import deflate, frames
from api.fanout.batch import ControlFrame, TextPacket, frame_of
from api.fanout.deflate import deflated_frame_of, inflated, offered
from api.fanout.frames import BadFrame, FrameReader
from tests.unit.fanout.outboxes import message
from tests.unit.fanout.test_frames import masked

MOST = 65536


def their_client():
    extension = PerMessageDeflate()
    extension.finalize(deflate.ANSWER)
    return FrameProtocol(client=True, extensions=[extension])


@pytest.mark.parametrize(
    ("offer", "fits"),
    [
        ("permessage-deflate; client_max_window_bits", True),
        ("permessage-deflate; client_max_window_bits=10; server_no_context_takeover", True),
        ("permessage-deflate", True),
        ('permessage-deflate; server_max_window_bits="15"', True),
        ("permessage-deflate; server_max_window_bits=10", False),
        ("permessage-deflate; server_max_window_bits=10, permessage-deflate", True),
        ("permessage-deflate; unheard_of", False),
        ("x-webkit-deflate-frame", False),
        ("", False),
    ],
)
def test_an_offer_is_taken_if_the_one_answer_fits_it(offer, fits):
    assert fits is offered(offer)


@pytest.mark.parametrize("text", ["short", "long " * 100, "é" * 40_000])
def test_another_implementation_reads_what_was_compressed_in_any_order(text):
    """Each message stands alone: one that another client has had in between is not missed."""
    packet, binary = TextPacket(text), message(text.encode())
    reader = their_client()
    for one in (packet, binary, packet):
        reader.receive_bytes(deflated_frame_of(one))
        heard = b"".join(
            part.payload.encode() if isinstance(part.payload, str) else bytes(part.payload)
            for part in reader.received_frames()
        )
        assert (one.data if one.binary else one.encode().encode()) == heard
    assert len(deflated_frame_of(packet)) <= len(frame_of(packet))


def test_what_is_too_short_to_gain_by_it_and_what_is_no_message_stay_as_they_are():
    assert frame_of(TextPacket("short")) == deflated_frame_of(TextPacket("short"))
    control = ControlFrame(frames.pong(b"x"))
    assert frames.pong(b"x") == deflated_frame_of(control)


@given(st.lists(st.one_of(st.text(max_size=500), st.binary(max_size=500)), max_size=5))
def test_what_another_implementation_compresses_is_read(sent):
    writer = their_client()
    wire = b"".join(writer.send_data(each, fin=True) for each in sent)
    assert sent == [payload for _, payload in FrameReader(MOST, inflated).feed(wire)]


def packed(data):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(0xC2, packed(bytes(50_000_000))), 1009),
        (masked(0xC2, packed(bytes(MOST + 1))), 1009),
        (masked(0xC2, b"\xff\xff\xff"), 1007),
        (masked(0xC1, packed(b"\xff\xfe")), 1007),
        (masked(0xC9, b"ping"), 1002),  # a control frame is never compressed
        (masked(0x42, packed(b"x")[:1]) + masked(0xC0, packed(b"x")[1:]), 1002),  # nor is a fragment of its own
        (masked(0xA2, b"x"), 1002),  # another reserved bit
    ],
)
def test_bombs_and_rubbish_name_the_code_to_close_with(data, code):
    with pytest.raises(BadFrame) as caught:
        list(FrameReader(MOST, inflated).feed(data))
    assert code == caught.value.code


def test_a_message_of_the_limit_passes_and_its_fragments_are_unpacked_together():
    data = packed(bytes(MOST))
    wire = masked(0x42, data[:10]) + masked(0x80, data[10:])
    assert [(frames.BINARY, bytes(MOST))] == list(FrameReader(MOST, inflated).feed(wire))
