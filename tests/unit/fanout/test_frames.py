"""A message as a WebSocket frame."""

from __future__ import annotations

import pytest
from wsproto.frame_protocol import FrameProtocol, Opcode

from api.fanout.frames import frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
@pytest.mark.parametrize("make", [lambda size: "é" * (size // 2) + "x" * (size % 2), lambda size: b"\xff" * size])
def test_another_implementation_reads_what_was_framed(size, make):
    message = make(size)
    reader = FrameProtocol(client=True, extensions=[])
    reader.receive_bytes(frame(message))
    (read,) = reader.received_frames()
    assert (Opcode.TEXT if isinstance(message, str) else Opcode.BINARY, True) == (read.opcode, read.message_finished)
    assert message == read.payload
