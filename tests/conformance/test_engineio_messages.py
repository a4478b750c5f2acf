"""Engine.IO protocol, revision 4 (socketio/engine.io-protocol): messages and their bounds."""

from __future__ import annotations

import base64

import pytest

from tests.conformance.echoing import MOST, MOST_POSTED, PATH, assert_alive
from tests.support.peers import TEXT, Polling, Request, WebSocket, frame

# -- messages over polling


@pytest.mark.parametrize(
    "packets",
    [["4hello"], ["4"], ["4one", "4two", "4three"], ["4hello", "bAQIDBA=="], ["bAQIDBA=="], ["4€ 😀 ü"]],
    ids=["one", "empty", "several", "text-and-binary", "binary", "beyond-ascii"],
)
def test_a_posted_payload_comes_back_by_the_next_poll(echo, packets):
    peer = Polling(echo.port)
    peer.send(*packets)
    assert packets == peer.next()


def test_a_poll_that_waits_is_answered_by_the_message(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as poll:
        echo.wait_hanging(poll.mark)
        peer.send("4hello")
        assert (200, "4hello") == poll.answer()


def test_sixteen_packets_in_one_post_come_back_in_order(echo):
    peer = Polling(echo.port)
    packets = [f"4{number}" for number in range(16)]
    peer.send(*packets)
    assert packets == peer.take(16)


def test_more_than_sixteen_packets_in_one_post_end_the_session(echo):
    """The class's own bound, as the library has it."""
    peer = Polling(echo.port)
    assert 400 == peer.post(*("4x" for _ in range(17))).status_code
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_many_posts_come_back_in_order(echo):
    peer = Polling(echo.port)
    for number in range(20):
        peer.send(f"4{number}")
    assert [f"4{number}" for number in range(20)] == peer.take(20)


def test_an_empty_post_is_refused_or_means_nothing(echo):
    peer = Polling(echo.port)
    if peer.post_body(b"").status_code == 400:
        assert peer.is_over()
    else:
        peer.send("4hello")
        assert ["4hello"] == peer.next()


@pytest.mark.parametrize(
    "body",
    [b"abc", b"7", b"9hello", b"4fine\x1eabc", b"4fine\x1e", b"\x1e\x1e", b"bA!!!", b"bA", b"4\xff\xfe", b"\xff"],
    ids=["letters", "type-7", "type-9", "second", "trailing", "empties", "base64", "padding", "utf-8", "byte"],
)
def test_an_invalid_payload_is_refused_and_ends_the_session(echo, body):
    peer = Polling(echo.port)
    assert 400 == peer.post_body(body).status_code
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_an_invalid_payload_ends_the_poll_that_waits(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as poll:
        echo.wait_hanging(poll.mark)
        assert 400 == peer.post("abc").status_code
        assert poll.answer() in [(200, "1"), (200, "6")]
    assert peer.is_over()


def test_a_second_poll_ends_the_session(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as first:
        echo.wait_hanging(first.mark)
        assert 400 == peer.poll().status_code
        assert (200, "1") == first.answer()
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_a_second_post_at_the_same_time_ends_the_session(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as first:
        echo.wait_hanging(first.mark)
        assert 400 == peer.post("4second").status_code
        assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_a_poll_that_is_cancelled_ends_the_session(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as poll:
        echo.wait_hanging(poll.mark)
        poll.cancel()
    assert 400 == peer.poll().status_code
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_a_post_that_is_cut_off_ends_the_session(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "POST", f"{PATH}?{peer.query}", body=b"4half of it", length=100) as post:
        echo.wait_hanging(post.mark)
        post.cancel()
    echo.wait_freed(peer.sid)
    assert peer.is_over()


def test_a_post_that_comes_in_pieces_is_whole(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as post:
        echo.wait_hanging(post.mark)
        post.send(b"llo")
        assert (200, "ok") == post.answer()
    assert ["4hello"] == peer.next()


def test_a_message_of_64_kib_is_taken_and_a_greater_one_ends_the_session(echo):
    peer = Polling(echo.port)
    most = "4" + "x" * (MOST - 1)
    peer.send(most)
    assert [most] == peer.next()
    assert 400 == peer.post("4" + "x" * 70_000).status_code
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_a_binary_message_has_the_same_bound(echo):
    peer = Polling(echo.port)
    assert 400 == peer.post("b" + base64.b64encode(bytes(70_000)).decode()).status_code
    assert peer.is_over()


def test_a_post_may_hold_more_than_one_message_may(echo):
    peer = Polling(echo.port)
    packets = [f"4{number}" + "x" * 60_000 for number in range(10)]
    peer.send(*packets)
    assert packets == peer.take(10)


def test_a_post_of_more_than_a_megabyte_is_refused_before_it_is_read(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "POST", f"{PATH}?{peer.query}", body=b"4", length=MOST_POSTED + 1) as post:
        assert post.answer()[0] in (400, 413)
    assert_alive(echo)


# -- messages over a WebSocket


@pytest.mark.parametrize("packet", ["4hello", "4", "4€ 😀 ü", b"\x01\x02\x03\x04", b"\x00", b"4hello"])
def test_a_message_comes_back_by_websocket(echo, packet):
    with WebSocket(echo.port) as peer:
        peer.send(packet)
        assert packet == peer.next()


@pytest.mark.parametrize("size", [125, 126, 127, 65535, MOST])
def test_a_message_of_any_size_up_to_64_kib_comes_back(echo, size):
    with WebSocket(echo.port) as peer:
        text, binary = "4" + "x" * (size - 1), bytes(size)
        peer.send(text, binary)
        assert [text, binary] == peer.take(2)


def test_many_messages_come_back_in_order(echo):
    with WebSocket(echo.port) as peer:
        packets = [f"4{number}" for number in range(100)]
        peer.write(b"".join(frame(packet, TEXT) for packet in packets))
        assert packets == peer.take(100)


@pytest.mark.parametrize("packet", ["abc", "", "7", "9hello", "é"])
def test_an_invalid_packet_closes_the_websocket(echo, packet):
    with WebSocket(echo.port) as peer:
        peer.send(packet)
        peer.closed()
        echo.wait_freed(peer.sid)
    assert_alive(echo)
