"""Socket.IO protocol, revision 5 (socketio/socket.io-protocol): what is wrong closes the connection."""

from __future__ import annotations

import json

import pytest

from tests.conformance.talking import ONE, PATH, TWO, Peer, assert_alive, assert_over, placeholder
from tests.support.peers import Polling

DEEP = "[" * 20_000 + "]" * 20_000
WRONG = {
    "letters": ["4abc"],
    "type-7": ['47["message"]'],
    "type-9": ['49["message"]'],
    "empty": ["4"],
    "binary-unannounced": [b"\x01\x02"],
    "event-without-payload": ["42"],
    "event-with-object": ["42{}"],
    "event-with-empty-list": ["42[]"],
    "event-with-text": ['42"message"'],
    "event-with-only-an-id": ["4212"],
    "event-named-by-object": ["42[{}]"],
    "event-named-by-list": ['42[["message"]]'],
    "event-named-by-null": ["42[null]"],
    "json-cut": ['42["message",'],
    "json-wrong": ['42["message",}]'],
    "json-twice": ['42["message",1]["message",2]'],
    "json-nan": ['42["message",NaN]'],
    "json-deep": [f'42["message",{DEEP}]'],
    "json-long-number": ['42["message",' + "9" * 10_000 + "]"],
    "ack-id-letters": ['42abc["message-with-ack",1]'],
    "ack-id-endless": [f'42{"9" * 1000}["message-with-ack",1]'],
    "ack-id-other-digits": ['42٣["message-with-ack",1]'],
    "ack-with-object": ["431{}"],
    "ack-without-payload": ["431"],
    "attachments-withheld": ['451-["message",' + ONE + "]", '42["message","next"]'],
    "attachments-withheld-for-a-ping": ['452-["message",' + TWO + "]", b"\x01", '42["message","next"]'],
    "attachments-unnumbered": ['45["message",' + ONE + "]", b"\x01"],
    "attachments-of-letters": ['45a-["message",' + ONE + "]", b"\x01"],
    "attachments-negative": ['45-1-["message",' + ONE + "]", b"\x01"],
    "attachments-of-other-digits": ['45٢-["message",' + TWO + "]", b"\x01", b"\x02"],
    "attachments-absurd": ['451000000-["message",' + ONE + "]"],
    "attachments-more-absurd": [f'45{"9" * 30}-["message",{ONE}]'],
    "placeholder-beyond": [f'451-["message",{json.dumps(placeholder(5))}]', b"\x01"],
    "placeholder-negative": [f'451-["message",{json.dumps(placeholder(-1))}]', b"\x01"],
    "placeholder-text": [f'451-["message",{json.dumps(placeholder("0"))}]', b"\x01"],
    "placeholder-list": [f'451-["message",{json.dumps(placeholder([]))}]', b"\x01"],
    "binary-event-with-object": [f'451-{{"a":{ONE}}}', b"\x01"],
    "binary-event-named-by-attachment": [f"451-[{ONE}]", b"\x01"],
    "binary-ack-with-object": [f'461-1{{"a":{ONE}}}', b"\x01"],
}


@pytest.mark.parametrize("packets", WRONG.values(), ids=WRONG)
def test_a_wrong_packet_closes_the_connection(talk, packets):
    with Peer(talk, "/") as peer:
        peer.send(*packets)
        assert_over(talk, peer)


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42["message",'])
def test_a_wrong_packet_by_polling_ends_the_session(talk, packet):
    peer = Polling(talk.port, PATH)
    peer.send("40")
    assert 2 == len(peer.take(2))
    assert peer.post(packet).status_code in (200, 400)
    talk.wait_freed(peer.sid)
    assert peer.is_over()


@pytest.mark.parametrize("event", ["connect", "disconnect"])
def test_a_client_cannot_call_the_handlers_of_the_connection(talk, event):
    """It is closed, or the event is ignored."""
    with Peer(talk, "/") as peer:
        peer.send(f'42["{event}",{{"token":"forged"}}]', '42["message","next"]')
        opcode, payload = peer.next_frame()
        assert opcode == 8 or payload == b'42["message-back","next"]'
        if opcode != 8:
            assert peer.members["/"] in talk.state()["members"]


def test_a_second_connect_makes_no_second_member(talk, peer):
    """It is closed, or remains the one that it was."""
    before = set(talk.state()["members"])
    peer.send("40", '42["message","next"]')
    while True:
        opcode, payload = peer.next_frame()
        if opcode == 8:
            break
        if payload == b'42["message-back","next"]':
            assert set(talk.state()["members"]) <= before
            break


def test_an_event_that_nobody_handles_is_ignored(peer):
    peer.send('42["unheard of",1]', '42["message","next"]')
    assert '42["message-back","next"]' == peer.next()


def test_the_end_of_the_connection_in_the_midst_of_attachments_leaves_nothing(talk):
    with Peer(talk, "/") as peer:
        peer.send(f'452-["message",{TWO}]', b"\x01")
        peer.reset()
    talk.wait_freed(peer.sid)
    talk.wait_left(peer.members["/"])
    assert_alive(talk)
