"""Engine.IO protocol, revision 4 (socketio/engine.io-protocol): from polling to a WebSocket."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import requests
import websocket

from tests.conformance.echoing import PATH, is_refused
from tests.support.fanout_servers import FanoutServer
from tests.support.peers import TIMEOUT, Polling, Request, WebSocket, address
from tests.support.waiting import wait_until


def probed(server: FanoutServer, peer: Polling) -> WebSocket:
    """The WebSocket that a session is about to be upgraded to."""
    upgraded = WebSocket(server.port, sid=peer.sid)
    upgraded.send("2probe")
    assert "3probe" == upgraded.next()
    return upgraded


def test_a_session_goes_on_by_websocket(echo):
    peer = Polling(echo.port)
    with probed(echo, peer) as upgraded:
        assert ["6"] == peer.next()
        upgraded.send("5", "4hello", b"\x01")
        assert ["4hello", b"\x01"] == upgraded.take(2)


def test_the_poll_that_waits_ends_with_the_probe(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "GET", f"{PATH}?{peer.query}") as poll:
        echo.wait_hanging(poll.mark)
        with probed(echo, peer) as upgraded:
            assert (200, "6") == poll.answer()
            upgraded.send("5", "4hello")
            assert "4hello" == upgraded.next()


def test_http_is_refused_after_the_upgrade_and_does_no_harm(echo):
    peer = Polling(echo.port)
    with probed(echo, peer) as upgraded:
        upgraded.send("5", "4there")
        assert "4there" == upgraded.next()
        assert peer.is_over()
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


def test_a_poll_that_races_the_upgrade_is_refused_or_told_nothing(echo):
    peer = Polling(echo.port)
    with probed(echo, peer) as upgraded:
        upgraded.send("5")
        answer = peer.poll()
        assert answer.status_code == 400 or answer.text == "6"
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


@pytest.mark.parametrize("moment", ["before the upgrade", "after it"])
def test_a_second_websocket_is_refused_and_the_first_goes_on(echo, moment):
    peer = Polling(echo.port)
    with probed(echo, peer) as upgraded:
        if moment == "after it":
            upgraded.send("5", "4there")
            assert "4there" == upgraded.next()
        assert is_refused(echo, f"EIO=4&transport=websocket&sid={peer.sid}")
        upgraded.send("5") if moment == "before the upgrade" else None
        upgraded.send("4hello")
        assert "4hello" == upgraded.next()


def test_the_session_of_a_websocket_takes_no_other(echo):
    with WebSocket(echo.port) as peer:
        assert is_refused(echo, f"EIO=4&transport=websocket&sid={peer.sid}")
        assert (
            400
            == requests.get(
                address(echo.port, PATH, f"EIO=4&transport=polling&sid={peer.sid}"), timeout=TIMEOUT
            ).status_code
        )
        peer.send("4hello")
        assert "4hello" == peer.next()


@pytest.mark.parametrize("packet", ["2", "2nope", "3probe", "4hello", "5", "abc", "", b"2probe"])
def test_without_a_probe_there_is_no_upgrade_and_polling_goes_on(echo, packet):
    peer = Polling(echo.port)
    with WebSocket(echo.port, sid=peer.sid) as wrong:
        wrong.send(packet)
        wrong.closed()
    peer.send("4hello")
    assert "4hello" in peer.take(1)


def test_an_upgrade_that_is_given_up_leaves_polling_as_it_was(echo):
    peer = Polling(echo.port)
    upgraded = probed(echo, peer)
    upgraded.sock.close()

    def goes_on() -> bool:
        peer.send("4hello")
        return "4hello" in peer.next()

    wait_until(goes_on)


def test_an_upgrade_may_be_tried_again(echo):
    peer = Polling(echo.port)
    probed(echo, peer).sock.close()
    with ExitStack() as stack:

        def comes_in() -> bool:
            again = stack.enter_context(WebSocket(echo.port, sid=peer.sid))
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


def test_no_message_is_lost_or_passes_another_around_the_upgrade(echo):
    """Messages wait before the probe, come between it and the upgrade, and right after it."""
    peer = Polling(echo.port)
    sent = [f"4{number}" for number in range(50)]
    peer.send(*sent[:15])
    with probed(echo, peer) as upgraded:
        polled = peer.next()
        peer.send(*sent[15:30])
        upgraded.send("5", *sent[30:])
        heard = [packet for packet in polled if packet != "6"]
        heard += upgraded.take(50 - len(heard))
    assert sent == heard


def test_a_post_under_way_during_the_upgrade_is_not_lost(echo):
    peer = Polling(echo.port)
    with Request(echo.port, "POST", f"{PATH}?{peer.query}", body=b"4he", length=6) as post:
        echo.wait_hanging(post.mark)
        with probed(echo, peer) as upgraded:
            post.send(b"llo")
            assert (200, "ok") == post.answer()
            upgraded.send("5", "4more")
            assert ["4hello", "4more"] == upgraded.take(2)
