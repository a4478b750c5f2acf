"""The load generator counts frames, in Python and in C alike."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from api.fanout.frames import frame
from benchmarks.fanout.native import One, Shared, library
from benchmarks.fanout.walker import Tally

PING = frame("2")
Walk = Callable[[list[bytes], int], tuple[int, int, list[float]]]
"""Chunks as they are received, and which messages are looked into: (messages, pings, how late)."""


def in_python(chunks: list[bytes], every: int) -> tuple[int, int, list[float]]:
    tally, rest = Tally(every), b""
    for chunk in chunks:
        data = bytearray(rest + chunk)
        rest = bytes(data[tally.walk(data, len(data)) :])
    assert rest == b""
    return tally.count, tally.pings, list(tally.late)


def in_c(chunks: list[bytes], every: int) -> tuple[int, int, list[float]]:
    shared, one = Shared(every=every), One()
    pings = [library().walk(shared, one, chunk, len(chunk)) for chunk in chunks]
    if min(pings) < 0:
        raise ValueError("a frame that is longer than any message of the benchmark")
    return shared.count, sum(pings), list(shared.late[: shared.samples])


@pytest.fixture(params=[in_python, in_c], ids=["python", "c"])
def walk(request: pytest.FixtureRequest) -> Walk:
    if request.param is in_c and library() is None:
        pytest.skip("nothing compiles C here: the benchmark does without")
    return request.param


def message(sent: float = 1.0, padding: int = 170) -> bytes:
    return frame(f'42/tasks,["task_update",{{"x":"{"x" * padding}","metrics":{{"sent":{int(sent * 1e6)}}}}}]')


def in_chunks(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 250, 1000, 1 << 20])
def test_messages_are_counted_however_they_are_cut(walk, size):
    stream = message() * 20 + PING + message(padding=300) + message() * 3
    assert (24, 1) == walk(in_chunks(stream, size), 1)[:2]


def test_a_frame_among_others_of_another_size_is_not_overlooked(walk):
    stream = message() * 5 + message(padding=171) + message() * 5
    assert 11 == walk([stream], 1)[0]


def test_answers_and_pings_are_no_messages(walk):
    assert (0, 1, []) == walk([frame('43/tasks,0[{"a":1}]') + PING], 1)


@pytest.mark.parametrize(("every", "looked_into"), [(1, 20), (3, 7), (7, 3), (100, 1)])
def test_every_so_many_messages_one_is_looked_into(walk, every, looked_into):
    assert looked_into == len(walk([message() * 20], every)[2])


def test_how_late_a_message_is_comes_from_the_clock_in_it(walk):
    sent = time.monotonic() - 5
    late = walk([message(sent) * 2, message(sent)], 1)[2]
    assert 3 == len(late)
    assert all(5 <= each < 65 for each in late)


def test_a_frame_too_long_to_be_a_message_is_refused(walk):
    with pytest.raises(ValueError, match="longer than any message"):
        walk([frame("x" * 70_000)], 1)
