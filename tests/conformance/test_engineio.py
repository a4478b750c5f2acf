"""Engine.IO protocol, revision 4 (socketio/engine.io-protocol): handshake, heartbeat, close."""

from __future__ import annotations

import struct
from contextlib import ExitStack

import pytest
import requests

from tests.conformance.echoing import MOST_POSTED, PATH, assert_alive, is_refused
from tests.support.fanout_servers import FanoutServer
from tests.support.peers import CLOSE, TEXT, TIMEOUT, Polling, Request, WebSocket, address, frame
from tests.support.waiting import wait_until

POLLING = "EIO=4&transport=polling"
CROSSINGS = 40


def get(server: FanoutServer, query: str, **headers: str) -> requests.Response:
    return requests.get(address(server.port, PATH, query), headers=headers, timeout=TIMEOUT)


# -- handshake


def test_a_polling_handshake_tells_what_was_set(quick_echo):
    peer = Polling(quick_echo.port)
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


def test_a_websocket_handshake_tells_the_same_and_offers_no_upgrade(quick_echo):
    with WebSocket(quick_echo.port) as peer:
        assert peer.opened.pop("sid")
        assert {"upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": MOST_POSTED} == peer.opened


def test_the_times_are_told_in_milliseconds_whatever_they_are(echo):
    opened = Polling(echo.port).opened
    assert (25000, 20000) == (opened["pingInterval"], opened["pingTimeout"])


def test_every_session_has_an_id_of_its_own(echo):
    assert 20 == len({Polling(echo.port).sid for _ in range(20)})


@pytest.mark.parametrize("eio", ["", "EIO=&", "EIO=abc&", "EIO=3&", "EIO=5&"])
def test_another_revision_is_refused(echo, eio):
    assert 400 == get(echo, f"{eio}transport=polling").status_code
    assert is_refused(echo, f"{eio}transport=websocket")


@pytest.mark.parametrize("transport", ["", "&transport=", "&transport=abc"])
def test_an_unknown_transport_is_refused(echo, transport):
    assert 400 == get(echo, f"EIO=4{transport}").status_code
    assert is_refused(echo, f"EIO=4{transport}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_is_opened_by_get_alone(echo, method):
    assert 400 == requests.request(method, address(echo.port, PATH, POLLING), timeout=TIMEOUT).status_code


def test_another_method_is_refused_and_does_no_harm_to_the_session(echo):
    peer = Polling(echo.port)
    assert 400 == requests.put(peer.url, data="4no", timeout=TIMEOUT).status_code
    peer.send("4yes")
    assert ["4yes"] == peer.next()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_session_is_refused(echo, method):
    url = address(echo.port, PATH, f"{POLLING}&sid=nobody")
    assert 400 == requests.request(method, url, data="4hello", timeout=TIMEOUT).status_code


def test_a_websocket_for_an_unknown_session_is_refused(echo):
    assert is_refused(echo, "EIO=4&transport=websocket&sid=nobody")


def test_a_websocket_needs_the_headers_of_one(echo):
    before = echo.state()["sids"]
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    for headers in (
        {},
        upgrade,  # no key
        upgrade | {"Sec-WebSocket-Key": "short"},
        upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "12"},
        upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Content-Length": "2"},
        upgrade | {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Transfer-Encoding": "chunked"},
    ):
        assert get(echo, "EIO=4&transport=websocket", **headers).status_code in (400, 426), headers
    assert set(echo.state()["sids"]) <= set(before), "nothing is kept of who was refused"


def test_a_page_of_another_origin_may_read_the_answers(echo):
    answer = get(echo, POLLING, Origin="http://elsewhere.example")
    assert answer.headers["Access-Control-Allow-Origin"] in ("*", "http://elsewhere.example")
    preflight = requests.options(
        address(echo.port, PATH, POLLING),
        headers={"Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST"},
        timeout=TIMEOUT,
    )
    assert preflight.status_code in (200, 204)
    assert preflight.headers["Access-Control-Allow-Origin"] in ("*", "http://elsewhere.example")


# -- heartbeat


def test_pings_come_by_polling_for_as_long_as_they_are_answered(quick_echo):
    peer = Polling(quick_echo.port)
    for _ in range(3):
        assert ["2"] == peer.next()
        peer.send("3")


def test_pings_come_by_websocket_for_as_long_as_they_are_answered(quick_echo):
    with WebSocket(quick_echo.port) as peer:
        for _ in range(3):
            assert "2" == peer.next()
            peer.send("3")


def test_a_session_that_never_polls_is_over_when_its_ping_is_due(quick_echo):
    peer = Polling(quick_echo.port)
    quick_echo.wait_freed(peer.sid)
    assert peer.is_over()


def test_a_session_that_polls_and_does_not_answer_is_over(quick_echo):
    peer = Polling(quick_echo.port)
    assert ["2"] == peer.next()
    ended = peer.poll()
    assert ended.status_code == 400 or ended.text in ("1", "6")
    assert peer.is_over()


def test_a_websocket_that_does_not_answer_its_ping_is_closed(quick_echo):
    with WebSocket(quick_echo.port) as peer:
        assert "2" == peer.next()
        peer.closed()
        quick_echo.wait_freed(peer.sid)
        assert "ping timeout" == quick_echo.state()["ended"][peer.sid]


def test_messages_are_no_answer_to_a_ping(quick_echo):
    with WebSocket(quick_echo.port) as peer:

        def is_closed() -> bool:
            peer.send("4still here")
            try:
                peer.next()
            except (EOFError, AssertionError):
                return True
            return False

        wait_until(is_closed)
        quick_echo.wait_freed(peer.sid)


# -- close


def test_a_close_packet_ends_the_poll_that_waits(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as poll:
        echo.wait_hanging(poll.mark)
        peer.send("1")
        assert (200, "6") == poll.answer()
    assert peer.is_over()
    echo.wait_freed(peer.sid)


@pytest.mark.parametrize("first", ["GET", "POST"])
def test_a_poll_that_crosses_the_close_packet_is_ended_by_it(echo, first):
    """Both are under way at once, and the server may read the later one first."""
    second = {"GET": "POST", "POST": "GET"}[first]
    bodies = {"GET": b"", "POST": b"1"}
    for _ in range(CROSSINGS):
        peer = Polling(echo.port)
        target = f"{PATH}?{peer.query}"
        with ExitStack() as stack:
            sent = {
                method: stack.enter_context(Request(echo.port, method, target, body=bodies[method]))
                for method in (first, second)
            }
            answers = {method: request.answer() for method, request in sent.items()}
        assert {"GET": (200, "6"), "POST": (200, "ok")} == answers
        assert 400 == peer.poll().status_code


def test_a_close_packet_is_heeded_with_no_poll_waiting(echo):
    peer = Polling(echo.port)
    peer.send("1")
    assert peer.is_over()
    echo.wait_freed(peer.sid)


def test_a_close_packet_closes_the_websocket(echo):
    with WebSocket(echo.port) as peer:
        peer.send("1")
        peer.closed()
        echo.wait_freed(peer.sid)
        assert "client disconnect" == echo.state()["ended"][peer.sid]


@pytest.mark.parametrize("code", [b"", struct.pack("!H", 1000), struct.pack("!H", 1001) + b"going", b"\x0f\xa0"])
def test_a_close_frame_is_answered(echo, code):
    with WebSocket(echo.port) as peer:
        peer.frame(code, CLOSE)
        opcode, payload = peer.next_frame()
        assert opcode == CLOSE
        assert payload in (code[:2], code, struct.pack("!H", 1000))
        with pytest.raises(EOFError):
            peer.next_frame()
        echo.wait_freed(peer.sid)


def test_a_connection_that_is_half_closed_is_over(echo):
    with WebSocket(echo.port) as peer:
        peer.send("4last words")
        peer.end()
        peer.closed()
        echo.wait_freed(peer.sid)


def test_a_connection_that_is_dropped_is_over(echo):
    with WebSocket(echo.port) as peer:
        peer.sock.close()
        echo.wait_freed(peer.sid)


@pytest.mark.parametrize("part", [1, 3, 6, 50])
@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_connection_that_ends_in_the_middle_of_a_frame_is_over(echo, part, way):
    with WebSocket(echo.port) as peer:
        peer.write(frame("4" + "x" * 200, TEXT)[:part])
        getattr(peer, way)()
        echo.wait_freed(peer.sid)
    assert_alive(echo)
