"""Socket.IO protocol, revision 5 (socketio/socket.io-protocol): namespaces, events, acknowledgements."""

from __future__ import annotations

import json

import pytest

from tests.conformance.talking import NAMESPACES, ONE, PATH, TWO, Peer, assert_alive, assert_over, prefix
from tests.support.peers import Polling, WebSocket

# -- connect


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(("sent", "told"), [("", "{}"), ('{"token":"123"}', '{"token":"123"}'), ("{}", "{}")])
def test_a_namespace_is_connected_to_with_what_shall_authorise_it(talk, namespace, sent, told):
    with WebSocket(talk.port, PATH) as peer:
        start = f"40{prefix(namespace)}"
        peer.send(start + sent)
        answer = peer.next()
        assert answer.startswith(start)
        handshake = json.loads(answer[len(start) :])
        assert ["sid"] == list(handshake)
        assert isinstance(handshake["sid"], str)
        assert f'42{prefix(namespace)}["auth",{told}]' == peer.next()


def test_a_namespace_may_come_without_a_comma(talk):
    with WebSocket(talk.port, PATH) as peer:
        peer.send("40/custom")
        assert peer.next().startswith('40/custom,{"sid":"')
        assert '42/custom,["auth",{}]' == peer.next()


def test_each_namespace_has_an_id_of_its_own_and_none_is_that_of_the_session(talk):
    with Peer(talk, *NAMESPACES) as peer:
        assert 3 == len({peer.sid, *peer.members.values()})


@pytest.mark.parametrize("packet", ["40/random", "40/random,", '40/random,{"token":"123"}'])
def test_an_unknown_namespace_is_refused_and_another_may_follow(talk, packet):
    with Peer(talk) as peer:
        peer.send(packet)
        assert '44/random,{"message":"Invalid namespace"}' == peer.next()
        peer.connect("/")


def test_a_namespace_of_10_kb_is_refused_or_closes(talk):
    name = "/" + "n" * 10_000
    with Peer(talk) as peer:
        peer.send(f"40{name},")
        opcode, payload = peer.next_frame()
        assert opcode == 8 or payload.decode() == f'44{name},{{"message":"Invalid namespace"}}'
    talk.wait_freed(peer.sid)
    assert_alive(talk)


@pytest.mark.parametrize("packet", ["4abc", "4", '42["message","too early"]', '43["too early"]', '40"text"', "40[1]"])
def test_what_is_no_handshake_closes_the_connection(talk, packet):
    with Peer(talk) as peer:
        peer.send(packet)
        assert_over(talk, peer)


def test_who_connects_to_nothing_is_closed_even_if_it_answers_pings(hasty_talk):
    with Peer(hasty_talk) as peer:
        peer.closed()
        hasty_talk.wait_freed(peer.sid)


def test_who_connects_to_nothing_by_polling_is_closed(hasty_talk):
    peer = Polling(hasty_talk.port, PATH)
    hasty_talk.wait_freed(peer.sid)
    assert peer.is_over()


def test_who_is_refused_and_does_no_more_is_closed(hasty_talk):
    with Peer(hasty_talk) as peer:
        peer.send("40/random,")
        assert '44/random,{"message":"Invalid namespace"}' == peer.next()
        peer.closed()
        hasty_talk.wait_freed(peer.sid)


def test_who_has_connected_to_one_namespace_is_left_in_peace(hasty_talk):
    with Peer(hasty_talk, "/custom") as peer, Peer(hasty_talk) as other:
        other.closed()  # it came later, and has waited in vain
        peer.send('42/custom,["message","still here"]')
        assert '42/custom,["message-back","still here"]' == peer.next()


def test_pings_come_by_websocket(quick_talk):
    with Peer(quick_talk, "/") as peer:
        for _ in range(3):
            assert "2" == peer.next()
            peer.send("3")
        peer.send('42["message",1]')
        assert [] == peer.answer_pings('42["message-back",1]')


def test_pings_come_by_polling(quick_talk):
    peer = Polling(quick_talk.port, PATH)
    for _ in range(3):
        assert ["2"] == peer.next()
        peer.send("3")


def test_the_app_hears_of_it_when_a_ping_is_not_answered(quick_talk):
    with Peer(quick_talk, "/") as peer:
        assert "2" == peer.next()
        peer.closed()
        quick_talk.wait_left(peer.members["/"])


# -- disconnect


def test_who_leaves_the_main_namespace_may_come_back(talk, peer):
    peer.send("41")
    talk.wait_left(peer.members["/"])
    assert peer.members["/"] != peer.connect("/")


def test_after_the_main_namespace_is_left_the_connection_stays_and_pings_go_on(quick_talk):
    with Peer(quick_talk, "/") as peer:
        peer.send("41")
        assert "2" == peer.next()
        peer.send("3")
        assert "2" == peer.next()


@pytest.mark.parametrize("packet", ["41/custom", "41/custom,"])
def test_one_namespace_is_left_and_the_other_goes_on(talk, packet):
    with Peer(talk, "/", "/custom") as peer:
        peer.send(packet, '42["message","to the main namespace"]')
        assert '42["message-back","to the main namespace"]' == peer.next()
        talk.wait_left(peer.members["/custom"])
        assert peer.members["/"] in talk.state()["members"]


def test_the_main_namespace_is_left_and_another_goes_on(talk):
    with Peer(talk, "/", "/custom") as peer:
        peer.send("41", '42/custom,["message","there"]')
        assert '42/custom,["message-back","there"]' == peer.next()
        talk.wait_left(peer.members["/"])


def test_the_server_may_end_a_namespace_and_the_other_goes_on(talk):
    with Peer(talk, "/", "/custom") as peer:
        peer.send('42/custom,["kick"]')
        assert "41/custom," == peer.next()
        talk.wait_left(peer.members["/custom"])
        peer.send('42["message","still here"]')
        assert '42["message-back","still here"]' == peer.next()


def test_all_namespaces_are_left_when_the_connection_ends(talk):
    with Peer(talk, *NAMESPACES) as peer:
        peer.reset()
    for member in peer.members.values():
        talk.wait_left(member)
    talk.wait_freed(peer.sid)


def test_all_namespaces_are_left_with_a_close_packet(talk):
    with Peer(talk, *NAMESPACES) as peer:
        peer.send("1")
        assert_over(talk, peer)


# -- events


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    "args", ['1,"2",{"3":[true]}', '"€ 😀"', "null", "[]", "{}", "[[1,2]]", "-1.5", '""', '"a,b/c[1]2-"', "0,0"]
)
def test_an_event_comes_back_with_all_its_arguments(talk, namespace, args):
    with Peer(talk, namespace) as peer:
        peer.send(f'42{prefix(namespace)}["message",{args}]')
        heard = peer.next()
        start = f"42{prefix(namespace)}"
        assert heard.startswith(start)
        assert json.loads(f'["message-back",{args}]') == json.loads(heard[len(start) :])


def test_an_event_may_have_no_argument(peer):
    peer.send('42["message"]')
    assert '42["message-back"]' == peer.next()


def test_an_event_comes_back_byte_for_byte(peer):
    peer.send('42["message",1,"2",{"3":[true]}]')
    assert '42["message-back",1,"2",{"3":[true]}]' == peer.next()


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_binary_attachments_come_back_in_order(talk, namespace):
    with Peer(talk, namespace) as peer:
        peer.send(f'452-{prefix(namespace)}["message",{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06")
        assert [f'452-{prefix(namespace)}["message-back",{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06"] == peer.take(3)


def test_attachments_may_lie_deep_and_be_empty(peer):
    inner = f'{{"deep":[{{"er":{ONE}}}]}}'
    peer.send(f'451-["message",{inner}]', b"")
    assert [f'451-["message-back",{inner}]', b""] == peer.take(2)


def test_binary_attachments_come_back_by_polling(talk):
    peer = Polling(talk.port, PATH)
    peer.send("40")
    assert 2 == len(peer.take(2))
    peer.send(f'451-["message",{ONE}]', "bAQIDBA==")
    assert [f'451-["message-back",{ONE}]', "bAQIDBA=="] == peer.take(2)


def test_events_come_back_by_polling(talk):
    peer = Polling(talk.port, PATH)
    peer.send("40/custom,")
    connected, auth = peer.take(2)
    assert connected.startswith('40/custom,{"sid":"')
    assert '42/custom,["auth",{}]' == auth
    peer.send('42/custom,["message",1]')
    assert ['42/custom,["message-back",1]'] == peer.next()


# -- acknowledgements


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_an_event_is_acknowledged_with_its_arguments(talk, namespace):
    with Peer(talk, namespace) as peer:
        peer.send(f'42{prefix(namespace)}456["message-with-ack",1,"2",{{"3":[false]}}]')
        assert f'43{prefix(namespace)}456[1,"2",{{"3":[false]}}]' == peer.next()


@pytest.mark.parametrize("ack_id", ["0", "7", "9007199254740991"])
def test_an_acknowledgement_bears_the_id_that_was_sent(peer, ack_id):
    peer.send(f'42{ack_id}["message-with-ack"]')
    assert f"43{ack_id}[]" == peer.next()


def test_an_event_with_attachments_is_acknowledged_with_attachments(peer):
    peer.send(f'452-789["message-with-ack",{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06")
    assert [f"462-789[{TWO}]", b"\x01\x02\x03", b"\x04\x05\x06"] == peer.take(3)


def ask(peer: Peer, *args: object) -> str:
    """What the server asks in return: the id that it wants to see in the answer."""
    peer.send(f"42{json.dumps(['ask', *args])}")
    question = str(peer.next())
    ack_id, _, rest = question.removeprefix("42").partition("[")
    assert ack_id.isdigit()
    assert ["question", *args] == json.loads(f"[{rest}")
    return ack_id


def test_the_server_hears_what_the_client_acknowledges(peer):
    ack_id = ask(peer, "who", 1)
    peer.send(f'43{ack_id}["me",{{"and":"you"}}]')
    assert '42["answered","me",{"and":"you"}]' == peer.next()


def test_the_server_hears_attachments_in_an_acknowledgement(peer):
    ack_id = ask(peer)
    peer.send(f"461-{ack_id}[{ONE}]", b"\x01\x02")
    assert [f'451-["answered",{ONE}]', b"\x01\x02"] == peer.take(2)


def test_an_acknowledgement_counts_once(peer):
    ack_id = ask(peer)
    peer.send(f'43{ack_id}["once"]', f'43{ack_id}["twice"]')
    assert '42["answered","once"]' == peer.next()
    peer.send('42["message","next"]')
    assert '42["message-back","next"]' == peer.next()


@pytest.mark.parametrize("packet", ['43999["x"]', "430[]", '43123456789012345678901["x"]'])
def test_an_acknowledgement_of_what_was_never_sent_is_ignored(peer, packet):
    peer.send(packet, '42["message","next"]')
    assert '42["message-back","next"]' == peer.next()
