"""Engine.IO protocol, revision 4: https://github.com/socketio/engine.io-protocol, against an app that echoes."""

from __future__ import annotations

import base64
import json
import socket
import struct
from contextlib import ExitStack
from typing import NamedTuple

import pytest
import requests
import websocket
from websocket import ABNF

from tests.support.fanout_servers import CALM, FanoutServer
from tests.support.peers import TIMEOUT, Polling, Request, WebSocket, address, frame
from tests.support.waiting import wait_until

PATH = "/engine.io/"
POLLING = "EIO=4&transport=polling"
MOST = 64 * 1024
"""Bytes of one incoming message."""
MOST_POSTED = 1_000_000
"""Bytes of one POST."""
TEXT, BINARY, CONTINUATION = ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY, ABNF.OPCODE_CONT
CLOSE, PING, PONG = ABNF.OPCODE_CLOSE, ABNF.OPCODE_PING, ABNF.OPCODE_PONG
PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009


@pytest.fixture(scope="module")
def quick(launch):
    """Pings every 0.3 s, and gives up 0.2 s later."""
    return launch("--echo")


@pytest.fixture(scope="module")
def calm(launch):
    """Its pings come too late to be seen in a test, or to free a session that should be freed at once."""
    return launch("--echo", *CALM)


def get(server: FanoutServer, query: str, **headers: str) -> requests.Response:
    return requests.get(address(server.port, PATH, query), headers=headers, timeout=TIMEOUT)


def assert_alive(server: FanoutServer) -> None:
    """It serves the next one."""
    with WebSocket(server.port) as peer:
        peer.send("4alive")
        assert "4alive" == peer.next()


def is_refused(server: FanoutServer, query: str) -> bool:
    """Whether a WebSocket with this query is not accepted, or is closed without having been told anything."""
    try:
        wire = websocket.create_connection(address(server.port, PATH, query, "ws"), timeout=TIMEOUT)
    except websocket.WebSocketBadStatusException as error:
        return error.status_code == 400
    try:
        opcode, _ = wire.recv_data_frame(control_frame=True)
        return bool(opcode == CLOSE)
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return True
    finally:
        wire.shutdown()


# -- handshake


def test_a_polling_handshake_tells_what_was_set(quick):
    peer = Polling(quick.port)
    sid = peer.opened.pop("sid")
    assert isinstance(sid, str)
    assert sid
    assert {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": MOST_POSTED,
    } == peer.opened
    assert peer.handshake.headers["Content-Type"].lower() == "text/plain; charset=utf-8"


def test_a_websocket_handshake_tells_the_same_and_offers_no_upgrade(quick):
    with WebSocket(quick.port) as peer:
        assert peer.opened.pop("sid")
        assert {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": MOST_POSTED} == peer.opened


def test_the_times_are_told_in_milliseconds_whatever_they_are(calm):
    opened = Polling(calm.port).opened
    assert (25000, 20000) == (opened["pingInterval"], opened["pingTimeout"])


def test_every_session_has_an_id_of_its_own(calm):
    assert 20 == len({Polling(calm.port).sid for _ in range(20)})


@pytest.mark.parametrize("eio", ["", "EIO=&", "EIO=abc&", "EIO=3&", "EIO=5&"])
def test_another_revision_is_refused(calm, eio):
    assert 400 == get(calm, f"{eio}transport=polling").status_code
    assert is_refused(calm, f"{eio}transport=websocket")


@pytest.mark.parametrize("transport", ["", "&transport=", "&transport=abc"])
def test_an_unknown_transport_is_refused(calm, transport):
    assert 400 == get(calm, f"EIO=4{transport}").status_code
    assert is_refused(calm, f"EIO=4{transport}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_is_opened_by_get_alone(calm, method):
    assert 400 == requests.request(method, address(calm.port, PATH, POLLING), timeout=TIMEOUT).status_code


def test_another_method_is_refused_and_does_no_harm_to_the_session(calm):
    peer = Polling(calm.port)
    assert 400 == requests.put(peer.url, data="4no", timeout=TIMEOUT).status_code
    peer.send("4yes")
    assert ["4yes"] == peer.next()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_session_is_refused(calm, method):
    url = address(calm.port, PATH, f"{POLLING}&sid=nobody")
    assert 400 == requests.request(method, url, data="4hello", timeout=TIMEOUT).status_code


def test_a_websocket_for_an_unknown_session_is_refused(calm):
    assert is_refused(calm, "EIO=4&transport=websocket&sid=nobody")


def test_a_websocket_needs_the_headers_of_one(calm):
    before = calm.state()["sids"]
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for headers in (
        {},
        upgrade,  # no key
        upgrade | {"Sec-WebSocket-Key": "short"},
        upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "12"},
    ):
        assert get(calm, "EIO=4&transport=websocket", **headers).status_code in (400, 426), headers
    assert before == calm.state()["sids"], "nothing is kept of who was refused"


def test_a_page_of_another_origin_may_read_the_answers(calm):
    answer = get(calm, POLLING, Origin="http://elsewhere.example")
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", "http://elsewhere.example")
    preflight = requests.options(
        address(calm.port, PATH, POLLING),
        headers={"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"},
        timeout=TIMEOUT,
    )
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] in ("*", "http://elsewhere.example")


# -- messages over polling


@pytest.mark.parametrize(
    "packets",
    [["4hello"], ["4"], ["4one", "4two", "4three"], ["4hello", "bAQIDBA=="], ["bAQIDBA=="], ["4€ 😀 ü"]],
    ids=["one", "empty", "several", "text-and-binary", "binary", "beyond-ascii"],
)
def test_a_posted_payload_comes_back_by_the_next_poll(calm, packets):
    peer = Polling(calm.port)
    peer.send(*packets)
    assert packets == peer.next()


def test_a_poll_that_waits_is_answered_by_the_message(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as poll:
        calm.wait_hanging(poll.mark)
        peer.send("4hello")
        assert (200, "4hello") == poll.answer()


def test_many_packets_in_one_post_come_back_in_order(calm):
    peer = Polling(calm.port)
    packets = [f"4{number}" for number in range(100)]
    peer.send(*packets)
    assert packets == peer.take(100)


def test_many_posts_come_back_in_order(calm):
    peer = Polling(calm.port)
    for number in range(20):
        peer.send(f"4{number}")
    assert [f"4{number}" for number in range(20)] == peer.take(20)


def test_an_empty_post_is_refused_or_means_nothing(calm):
    peer = Polling(calm.port)
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
def test_an_invalid_payload_is_refused_and_ends_the_session(calm, body):
    peer = Polling(calm.port)
    assert 400 == peer.post_body(body).status_code
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_an_invalid_payload_ends_the_poll_that_waits(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as poll:
        calm.wait_hanging(poll.mark)
        assert 400 == peer.post("abc").status_code
        assert poll.answer() in [(200, "1"), (200, "6")] or poll.answer()[0] == 400
    assert peer.is_over()


def test_a_second_poll_ends_the_session(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as first:
        calm.wait_hanging(first.mark)
        assert 400 == peer.poll().status_code
        assert (200, "1") == first.answer()
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_second_post_at_the_same_time_ends_the_session(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as first:
        calm.wait_hanging(first.mark)
        assert 400 == peer.post("4second").status_code
        assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_poll_that_is_cancelled_ends_the_session(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as poll:
        calm.wait_hanging(poll.mark)
        poll.cancel()
    assert 400 == peer.poll().status_code
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_post_that_is_cut_off_ends_the_session(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "POST", f"{PATH}?{peer.query}", body=b"4half of it", length=100) as post:
        calm.wait_hanging(post.mark)
        post.cancel()
    calm.wait_freed(peer.sid)
    assert peer.is_over()


def test_a_post_that_comes_in_pieces_is_whole(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as post:
        calm.wait_hanging(post.mark)
        post.send(b"llo")
        assert (200, "ok") == post.answer()
    assert ["4hello"] == peer.next()


def test_a_message_of_64_kib_is_taken_and_a_greater_one_ends_the_session(calm):
    peer = Polling(calm.port)
    most = "4" + "x" * (MOST - 1)
    peer.send(most)
    assert [most] == peer.next()
    assert 400 == peer.post("4" + "x" * 70_000).status_code
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_binary_message_has_the_same_bound(calm):
    peer = Polling(calm.port)
    assert 400 == peer.post("b" + base64.b64encode(bytes(70_000)).decode()).status_code
    assert peer.is_over()


def test_a_post_may_hold_more_than_one_message_may(calm):
    peer = Polling(calm.port)
    packets = [f"4{number}" + "x" * 60_000 for number in range(10)]
    peer.send(*packets)
    assert packets == peer.take(10)


def test_a_post_of_more_than_a_megabyte_is_refused_before_it_is_read(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "POST", f"{PATH}?{peer.query}", body=b"4", length=MOST_POSTED + 1) as post:
        assert post.answer()[0] in (400, 413)
    assert_alive(calm)


# -- messages over a WebSocket


@pytest.mark.parametrize("packet", ["4hello", "4", "4€ 😀 ü", b"\x01\x02\x03\x04", b"\x00", b"4hello"])
def test_a_message_comes_back_by_websocket(calm, packet):
    with WebSocket(calm.port) as peer:
        peer.send(packet)
        assert packet == peer.next()


@pytest.mark.parametrize("size", [125, 126, 127, 65535, MOST])
def test_a_message_of_any_size_up_to_64_kib_comes_back(calm, size):
    with WebSocket(calm.port) as peer:
        text, binary = "4" + "x" * (size - 1), bytes(size)
        peer.send(text, binary)
        assert [text, binary] == peer.take(2)


def test_many_messages_come_back_in_order(calm):
    with WebSocket(calm.port) as peer:
        packets = [f"4{number}" for number in range(100)]
        peer.write(b"".join(frame(packet, TEXT) for packet in packets))
        assert packets == peer.take(100)


@pytest.mark.parametrize("packet", ["abc", "", "7", "9hello", "é"])
def test_an_invalid_packet_closes_the_websocket(calm, packet):
    with WebSocket(calm.port) as peer:
        peer.send(packet)
        peer.closed()
        calm.wait_freed(peer.sid)
    assert_alive(calm)


# -- heartbeat


def test_pings_come_by_polling_for_as_long_as_they_are_answered(quick):
    peer = Polling(quick.port)
    for _ in range(3):
        assert ["2"] == peer.next()
        peer.send("3")


def test_pings_come_by_websocket_for_as_long_as_they_are_answered(quick):
    with WebSocket(quick.port) as peer:
        for _ in range(3):
            assert "2" == peer.next()
            peer.send("3")


def test_a_session_that_never_polls_is_over_when_its_ping_is_due(quick):
    peer = Polling(quick.port)
    quick.wait_freed(peer.sid)
    assert peer.is_over()


def test_a_session_that_polls_and_does_not_answer_is_over(quick):
    peer = Polling(quick.port)
    assert ["2"] == peer.next()
    ended = peer.poll()
    assert ended.status_code == 400 or ended.text in ("1", "6")
    assert peer.is_over()


def test_a_websocket_that_does_not_answer_its_ping_is_closed(quick):
    with WebSocket(quick.port) as peer:
        assert "2" == peer.next()
        peer.closed()
        quick.wait_freed(peer.sid)
        assert "ping timeout" == quick.state()["ended"][peer.sid]


def test_messages_are_no_answer_to_a_ping(quick):
    with WebSocket(quick.port) as peer:
        while True:
            try:
                peer.send("4still here")
                peer.next()
            except (EOFError, AssertionError):
                break
        quick.wait_freed(peer.sid)


# -- close


def test_a_close_packet_ends_the_poll_that_waits(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as poll:
        calm.wait_hanging(poll.mark)
        peer.send("1")
        assert (200, "6") == poll.answer()
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_close_packet_is_heeded_with_no_poll_waiting(calm):
    peer = Polling(calm.port)
    peer.send("1")
    assert peer.is_over()
    calm.wait_freed(peer.sid)


def test_a_close_packet_closes_the_websocket(calm):
    with WebSocket(calm.port) as peer:
        peer.send("1")
        peer.closed()
        calm.wait_freed(peer.sid)
        assert "client disconnect" == calm.state()["ended"][peer.sid]


@pytest.mark.parametrize("code", [b"", struct.pack("!H", 1000), struct.pack("!H", 1001) + b"going", b"\x0f\xa0"])
def test_a_close_frame_is_answered(calm, code):
    with WebSocket(calm.port) as peer:
        peer.frame(code, CLOSE)
        opcode, payload = peer.next_frame()
        assert opcode == CLOSE
        assert payload in (code[:2], code, struct.pack("!H", 1000))
        with pytest.raises(EOFError):
            peer.next_frame()
        calm.wait_freed(peer.sid)


def test_a_connection_that_is_half_closed_is_over(calm):
    with WebSocket(calm.port) as peer:
        peer.send("4last words")
        peer.end()
        peer.closed()
        calm.wait_freed(peer.sid)


def test_a_connection_that_is_dropped_is_over(calm):
    with WebSocket(calm.port) as peer:
        peer.sock.close()
        calm.wait_freed(peer.sid)


@pytest.mark.parametrize("part", [1, 3, 6, 50])
@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_connection_that_ends_in_the_middle_of_a_frame_is_over(calm, part, way):
    with WebSocket(calm.port) as peer:
        peer.write(frame("4" + "x" * 200, TEXT)[:part])
        getattr(peer, way)()
        calm.wait_freed(peer.sid)
    assert_alive(calm)


# -- upgrade


def probed(server: FanoutServer, peer: Polling) -> WebSocket:
    """The WebSocket that a session is about to be upgraded to."""
    upgraded = WebSocket(server.port, sid=peer.sid)
    upgraded.send("2probe")
    assert "3probe" == upgraded.next()
    return upgraded


def test_a_session_goes_on_by_websocket(calm):
    peer = Polling(calm.port)
    with probed(calm, peer) as upgraded:
        assert ["6"] == peer.next()
        upgraded.send("5", "4hello", b"\x01")
        assert ["4hello", b"\x01"] == upgraded.take(2)


def test_the_poll_that_waits_ends_with_the_probe(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "GET", f"{PATH}?{peer.query}") as poll:
        calm.wait_hanging(poll.mark)
        with probed(calm, peer) as upgraded:
            assert (200, "6") == poll.answer()
            upgraded.send("5", "4hello")
            assert "4hello" == upgraded.next()


def test_http_is_refused_after_the_upgrade_and_does_no_harm(calm):
    peer = Polling(calm.port)
    with probed(calm, peer) as upgraded:
        upgraded.send("5", "4there")
        assert "4there" == upgraded.next()
        assert peer.is_over()
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


def test_a_poll_that_races_the_upgrade_is_refused_or_told_nothing(calm):
    peer = Polling(calm.port)
    with probed(calm, peer) as upgraded:
        upgraded.send("5")
        answer = peer.poll()
        assert answer.status_code == 400 or answer.text == "6"
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


@pytest.mark.parametrize("moment", ["before the upgrade", "after it"])
def test_a_second_websocket_is_refused_and_the_first_goes_on(calm, moment):
    peer = Polling(calm.port)
    with probed(calm, peer) as upgraded:
        if moment == "after it":
            upgraded.send("5", "4there")
            assert "4there" == upgraded.next()
        assert is_refused(calm, f"EIO=4&transport=websocket&sid={peer.sid}")
        upgraded.send("5") if moment == "before the upgrade" else None
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


def test_the_session_of_a_websocket_takes_no_other(calm):
    with WebSocket(calm.port) as peer:
        assert is_refused(calm, f"EIO=4&transport=websocket&sid={peer.sid}")
        assert 400 == get(calm, f"{POLLING}&sid={peer.sid}").status_code
        peer.send("4hello")
        assert "4hello" == peer.next()


@pytest.mark.parametrize("packet", ["2", "2nope", "3probe", "4hello", "5", "abc", "", b"2probe"])
def test_without_a_probe_there_is_no_upgrade_and_polling_goes_on(calm, packet):
    peer = Polling(calm.port)
    with WebSocket(calm.port, sid=peer.sid) as wrong:
        wrong.send(packet)
        wrong.closed()
    peer.send("4hello")
    assert "4hello" in peer.take(1)


def test_an_upgrade_that_is_given_up_leaves_polling_as_it_was(calm):
    peer = Polling(calm.port)
    upgraded = probed(calm, peer)
    upgraded.sock.close()

    def goes_on() -> bool:
        peer.send("4hello")
        return "4hello" in peer.next()

    wait_until(goes_on)


def test_an_upgrade_may_be_tried_again(calm):
    peer = Polling(calm.port)
    probed(calm, peer).sock.close()
    with ExitStack() as stack:

        def comes_in() -> bool:
            again = stack.enter_context(WebSocket(calm.port, sid=peer.sid))
            again.send("2probe")
            try:
                assert "3probe" == again.next()
            except (EOFError, AssertionError):
                return False
            again.send("5", "4hello")
            return again.next() == "4hello"

        def tries() -> bool:
            try:
                return comes_in()
            except websocket.WebSocketException:
                return False

        wait_until(tries)


def test_no_message_is_lost_or_passes_another_around_the_upgrade(calm):
    """Messages wait before the probe, come between it and the upgrade, and right after it."""
    peer = Polling(calm.port)
    sent = [f"4{number}" for number in range(60)]
    peer.send(*sent[:20])
    with probed(calm, peer) as upgraded:
        polled = peer.next()
        peer.send(*sent[20:40])
        upgraded.send("5", *sent[40:])
        heard = [packet for packet in polled if packet != "6"]
        heard += upgraded.take(60 - len(heard))
    assert sent == heard


def test_a_post_under_way_during_the_upgrade_is_not_lost(calm):
    peer = Polling(calm.port)
    with Request(calm.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as post:
        calm.wait_hanging(post.mark)
        with probed(calm, peer) as upgraded:
            post.send(b"llo")
            assert (200, "ok") == post.answer()
            upgraded.send("5", "4more")
            assert ["4hello", "4more"] == upgraded.take(2)


# -- frames (RFC 6455)


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
def test_a_wrong_frame_closes_the_websocket_and_says_why(calm, wrong):
    with WebSocket(calm.port) as peer:
        peer.write(wrong.data)
        assert wrong.code == peer.closed()
        calm.wait_freed(peer.sid)
    assert_alive(calm)


def test_a_length_beyond_63_bits_closes_the_websocket(calm):
    with WebSocket(calm.port) as peer:
        peer.write(b"\x81\xff" + b"\xff" * 8 + bytes(4))
        assert peer.closed() in (PROTOCOL_ERROR, TOO_BIG)
        calm.wait_freed(peer.sid)


def test_what_came_before_a_wrong_frame_was_heard(calm):
    with WebSocket(calm.port) as peer:
        peer.write(frame("4first", TEXT) + unmasked(b"4second", TEXT))
        assert "4first" == peer.next()
        assert PROTOCOL_ERROR == peer.closed()


def test_nothing_is_heard_after_a_wrong_frame(calm):
    with WebSocket(calm.port) as peer:
        peer.write(unmasked(b"4first", TEXT) + frame("4second", TEXT))
        opcode, _ = peer.next_frame()
        assert CLOSE == opcode


@pytest.mark.parametrize("payload", [b"", b"are you there?", bytes(125)])
def test_a_websocket_ping_is_answered(calm, payload):
    with WebSocket(calm.port) as peer:
        peer.frame(payload, PING)
        assert (PONG, payload) == peer.next_frame()


def test_a_pong_that_nobody_asked_for_is_ignored(calm):
    with WebSocket(calm.port) as peer:
        peer.frame(b"here", PONG)
        peer.send("4hello")
        assert "4hello" == peer.next()


def test_fragments_are_put_together_with_a_ping_between_them(calm):
    with WebSocket(calm.port) as peer:
        euro = "€".encode()
        peer.write(frame(b"4" + euro[:1], TEXT, fin=0) + frame(b"", CONTINUATION, fin=0) + frame(b"?", PING))
        assert (PONG, b"?") == peer.next_frame()
        peer.write(frame(euro[1:], CONTINUATION, fin=0) + frame(b"", CONTINUATION))
        assert "4€" == peer.next()
        peer.write(frame(b"\x01", BINARY, fin=0) + frame(b"\x02", CONTINUATION))
        assert b"\x01\x02" == peer.next()


def test_a_message_of_64_kib_may_come_in_fragments(calm):
    with WebSocket(calm.port) as peer:
        part = "x" * (MOST // 2)
        peer.write(frame("4" + part[1:], TEXT, fin=0) + frame(part, CONTINUATION))
        assert "4" + part[1:] + part == peer.next()


def test_a_frame_that_comes_byte_by_byte_is_whole(calm):
    with WebSocket(calm.port) as peer:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame("4" + "x" * 130, TEXT):
            peer.write(bytes((byte,)))
        assert "4" + "x" * 130 == peer.next()


def test_a_websocket_agrees_to_no_extension(calm):
    wire = websocket.create_connection(
        address(calm.port, PATH, "EIO=4&transport=websocket", "ws"),
        header=["Sec-WebSocket-Extensions: permessage-deflate"],
        timeout=TIMEOUT,
    )
    try:
        assert "sec-websocket-extensions" not in wire.headers
        assert "sid" in json.loads(wire.recv()[1:])
    finally:
        wire.shutdown()
