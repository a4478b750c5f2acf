"""Lines over a socket: what is cut from them, what is refused, and who may write."""

from __future__ import annotations

import json
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.execution.channel import Channel, LineReader, NotAReport, decode, encode


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_stream_was_cut(lines: list[bytes], size: int) -> None:
    """Whatever the chunks are, the same lines come out."""
    stream = b"".join(line + b"\n" for line in lines)
    reader = LineReader(100)
    read = [line for at in range(0, len(stream), size) for line in reader.feed(stream[at : at + size])]
    assert [line for line in lines if line.strip()] == read


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_line_that_is_too_long_is_refused_with_or_without_its_end(ending: bytes) -> None:
    """Memory is bounded by the limit, and the message does not repeat the line."""
    with pytest.raises(NotAReport, match="more than 1,000 bytes") as raised:
        list(LineReader(1000).feed(b"x" * 5000 + ending))
    assert len(str(raised.value)) < 200


def test_a_line_as_long_as_the_limit_passes() -> None:
    """The limit itself is allowed."""
    assert list(LineReader(1000).feed(b"x" * 1000 + b"\n")) == [b"x" * 1000]


@pytest.mark.parametrize(
    "line", [b"hello", b"[1]", b"3", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_json_object_is_no_report(line: bytes) -> None:
    """Text, lists, NaN, binary and bottomless nesting alike."""
    with pytest.raises(NotAReport, match=r"not (a )?JSON"):
        decode(line)


def test_half_a_surrogate_pair_does_not_break_the_line() -> None:
    """File names may hold them; UTF-8 may not."""
    assert decode(encode({"a": "\ud800"})) == {"a": "?"}


def test_nan_is_refused_before_it_is_sent() -> None:
    """A mistake of ours shows on our side."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": float("nan")})


def test_many_threads_send_whole_lines() -> None:
    """No line is broken by another, however long they are."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = Channel(ours, limit=1000)
        senders = [
            threading.Thread(target=lambda n=n: [channel.send({"n": n, "x": "y" * 50_000}) for _ in range(5)])
            for n in range(8)
        ]
        for sender in senders:
            sender.start()
        stream = theirs.makefile("rb")
        received = [json.loads(stream.readline())["n"] for _ in range(40)]
        stream.close()
        for sender in senders:
            sender.join(5)
    assert sorted(list(range(8)) * 5) == sorted(received)


def test_receiving_ends_when_the_other_side_closes() -> None:
    """And everything said before that is heard."""
    ours, theirs = socket.socketpair()
    with ours:
        theirs.sendall(b'{"do":"pause"}\n{"do":"resume"}\n')
        theirs.close()
        assert list(Channel(ours, limit=1000).receive()) == [{"do": "pause"}, {"do": "resume"}]


class InterruptedSocket:
    """A socket whose `send` takes a few bytes, and is interrupted by a signal handler now and then."""

    def __init__(self) -> None:
        self.sent = b""
        self.interrupt = lambda: None

    def send(self, line: bytes) -> int:
        taken = line[:3]
        self.sent += taken
        action, self.interrupt = self.interrupt, lambda: None
        action()
        return len(taken)


def test_a_handler_that_sends_in_the_middle_of_a_line_is_put_behind_it() -> None:
    """A signal handler may log while the main thread is sending."""
    sock = InterruptedSocket()
    channel = Channel(sock, limit=10)  # type: ignore[arg-type]  # as much of a socket as it needs
    sock.interrupt = lambda: channel.send({"b": 2})
    channel.send({"a": 1})
    assert sock.sent == b'{"a":1}\n{"b":2}\n'


def test_a_line_is_finished_by_the_next_send_when_a_handler_raised_out_of_it() -> None:
    """`signal.alarm` used as a time-out must not leave half a line behind."""
    sock = InterruptedSocket()
    channel = Channel(sock, limit=10)  # type: ignore[arg-type]  # as above
    channel.send({"a": 1})

    def alarm() -> None:
        sock.sent = sock.sent[:-3]  # the interrupted call had sent nothing
        raise TimeoutError

    sock.interrupt = alarm
    with pytest.raises(TimeoutError):
        channel.send({"b": 2})
    channel.send({"c": 3})
    assert sock.sent == b'{"a":1}\n{"b":2}\n{"c":3}\n'
