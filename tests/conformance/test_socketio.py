"""Socket.IO protocol, revision 5: https://github.com/socketio/socket.io-protocol, with its default encoding."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.support.fanout_servers import CALM, FanoutServer
from tests.support.peers import Polling, WebSocket

PATH = "/socket.io/"
NAMESPACES = ("/", "/custom")
HASTY_SECONDS = "0.4"
"""How long a hasty server waits for somebody to connect to a namespace."""
_ack_ids = itertools.count(1000)


def placeholder(number: object) -> dict[str, object]:
    return {"_placeholder": True, "num": number}


TWO = json.dumps([placeholder(0), placeholder(1)], separators=(",", ":"))[1:-1]
ONE = json.dumps(placeholder(0), separators=(",", ":"))


@pytest.fixture(scope="module")
def calm(launch):
    """Its pings come too late to be seen in a test, or to free a session that should be freed at once."""
    return launch(*CALM)


@pytest.fixture(scope="module")
def quick(launch):
    """Pings every 0.3 s, and gives up 0.2 s later."""
    return launch()


@pytest.fixture(scope="module")
def hasty(launch):
    return launch("--connect-timeout", HASTY_SECONDS, *CALM)


class Peer(WebSocket):
    """A WebSocket whose namespaces are known by their prefix: nothing for "/", else the name and a comma."""

    def __init__(self, server: FanoutServer, *namespaces: str) -> None:
        super().__init__(server.port, PATH)
        self.members = {namespace: self.connect(namespace) for namespace in namespaces}

    def connect(self, namespace: str) -> str:
        """The id in the namespace."""
        start = f"40{prefix(namespace)}"
        self.send(start)
        answer, auth = str(self.next()), self.next()
        assert answer.startswith(start)
        handshake = json.loads(answer[len(start) :])
        assert ["sid"] == list(handshake)
        assert f'42{prefix(namespace)}["auth",{{}}]' == auth
        return str(handshake["sid"])

    def call(self, event: str, *args: object, namespace: str = "/") -> None:
        """Emit it and wait until it has been handled; nothing else may be heard meanwhile."""
        ack_id = next(_ack_ids)
        self.send(f"42{prefix(namespace)}{ack_id}{json.dumps([event, *args])}")
        assert f"43{prefix(namespace)}{ack_id}[]" == self.next()


def prefix(namespace: str) -> str:
    return "" if namespace == "/" else f"{namespace},"


@pytest.fixture
def peer(calm):
    """Connected to "/"."""
    with Peer(calm, "/") as connected:
        yield connected


def assert_alive(server: FanoutServer) -> None:
    """It serves the next one."""
    with Peer(server, "/") as peer:
        peer.send('42["message","alive"]')
        assert '42["message-back","alive"]' == peer.next()


def assert_over(server: FanoutServer, peer: Peer) -> None:
    """The server closes it and keeps nothing of it, and goes on with the others."""
    peer.closed()
    server.wait_freed(peer.sid)
    for member in peer.members.values():
        server.wait_left(member)
    assert_alive(server)


# -- connect


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(("sent", "told"), [("", "{}"), ('{"token":"123"}', '{"token":"123"}'), ("{}", "{}")])
def test_a_namespace_is_connected_to_with_what_shall_authorise_it(calm, namespace, sent, told):
    with WebSocket(calm.port, PATH) as peer:
        start = f"40{prefix(namespace)}"
        peer.send(start + sent)
        answer = peer.next()
        assert answer.startswith(start)
        handshake = json.loads(answer[len(start) :])
        assert ["sid"] == list(handshake)
        assert isinstance(handshake["sid"], str)
        assert f'42{prefix(namespace)}["auth",{told}]' == peer.next()


def test_a_namespace_may_come_without_a_comma(calm):
    with WebSocket(calm.port, PATH) as peer:
        peer.send("40/custom")
        assert peer.next().startswith('40/custom,{"sid":"')
        assert '42/custom,["auth",{}]' == peer.next()


def test_each_namespace_has_an_id_of_its_own_and_none_is_that_of_the_session(calm):
    with Peer(calm, *NAMESPACES) as peer:
        assert 3 == len({peer.sid, *peer.members.values()})


@pytest.mark.parametrize("packet", ["40/random", "40/random,", '40/random,{"token":"123"}'])
def test_an_unknown_namespace_is_refused_and_another_may_follow(calm, packet):
    with Peer(calm) as peer:
        peer.send(packet)
        assert '44/random,{"message":"Invalid namespace"}' == peer.next()
        peer.connect("/")


def test_a_namespace_of_10_kb_is_refused_or_closes(calm):
    name = "/" + "n" * 10_000
    with Peer(calm) as peer:
        peer.send(f"40{name},")
        opcode, payload = peer.next_frame()
        assert opcode == 8 or payload.decode() == f'44{name},{{"message":"Invalid namespace"}}'
    calm.wait_freed(peer.sid)
    assert_alive(calm)


@pytest.mark.parametrize("packet", ["4abc", "4", '42["message","too early"]', '43["too early"]', '40"text"', "40[1]"])
def test_what_is_no_handshake_closes_the_connection(calm, packet):
    with Peer(calm) as peer:
        peer.send(packet)
        assert_over(calm, peer)


def test_who_connects_to_nothing_is_closed_even_if_it_answers_pings(hasty):
    with Peer(hasty) as peer:
        peer.closed()
        hasty.wait_freed(peer.sid)


def test_who_connects_to_nothing_by_polling_is_closed(hasty):
    peer = Polling(hasty.port, PATH)
    hasty.wait_freed(peer.sid)
    assert peer.is_over()


def test_who_is_refused_and_does_no_more_is_closed(hasty):
    with Peer(hasty) as peer:
        peer.send("40/random,")
        assert '44/random,{"message":"Invalid namespace"}' == peer.next()
        peer.closed()
        hasty.wait_freed(peer.sid)


def test_who_has_connected_to_one_namespace_is_left_in_peace(hasty):
    with Peer(hasty, "/custom") as peer, Peer(hasty) as other:
        other.closed()  # it came later, and has waited in vain
        peer.send('42/custom,["message","still here"]')
        assert '42/custom,["message-back","still here"]' == peer.next()


def test_pings_come_by_websocket(quick):
    with Peer(quick, "/") as peer:
        for _ in range(3):
            assert "2" == peer.next()
            peer.send("3")
        peer.send('42["message",1]')
        assert [] == peer.answer_pings('42["message-back",1]')


def test_pings_come_by_polling(quick):
    peer = Polling(quick.port, PATH)
    for _ in range(3):
        assert ["2"] == peer.next()
        peer.send("3")


def test_the_app_hears_of_it_when_a_ping_is_not_answered(quick):
    with Peer(quick, "/") as peer:
        peer.answer_pings("2")
        peer.closed()
        quick.wait_left(peer.members["/"])


# -- disconnect


def test_who_leaves_the_main_namespace_may_come_back(calm, peer):
    peer.send("41")
    calm.wait_left(peer.members["/"])
    assert peer.members["/"] != peer.connect("/")


def test_after_the_main_namespace_is_left_the_connection_stays_and_pings_go_on(quick):
    with Peer(quick, "/") as peer:
        peer.send("41")
        assert "2" == peer.next()
        peer.send("3")
        assert "2" == peer.next()


@pytest.mark.parametrize("packet", ["41/custom", "41/custom,"])
def test_one_namespace_is_left_and_the_other_goes_on(calm, packet):
    with Peer(calm, "/", "/custom") as peer:
        peer.send(packet, '42["message","to the main namespace"]')
        assert '42["message-back","to the main namespace"]' == peer.next()
        calm.wait_left(peer.members["/custom"])
        assert peer.members["/"] in calm.state()["members"]


def test_the_main_namespace_is_left_and_another_goes_on(calm):
    with Peer(calm, "/", "/custom") as peer:
        peer.send("41", '42/custom,["message","there"]')
        assert '42/custom,["message-back","there"]' == peer.next()
        calm.wait_left(peer.members["/"])


def test_the_server_may_end_a_namespace_and_the_other_goes_on(calm):
    with Peer(calm, "/", "/custom") as peer:
        peer.send('42/custom,["kick"]')
        assert "41/custom," == peer.next()
        calm.wait_left(peer.members["/custom"])
        peer.send('42["message","still here"]')
        assert '42["message-back","still here"]' == peer.next()


def test_all_namespaces_are_left_when_the_connection_ends(calm):
    with Peer(calm, *NAMESPACES) as peer:
        peer.reset()
    for member in peer.members.values():
        calm.wait_left(member)
    calm.wait_freed(peer.sid)


def test_all_namespaces_are_left_with_a_close_packet(calm):
    with Peer(calm, *NAMESPACES) as peer:
        peer.send("1")
        assert_over(calm, peer)


# -- events


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    "args", ['1,"2",{"3":[true]}', '"€ 😀"', "null", "[]", "{}", "[[1,2]]", "-1.5", '""', '"a,b/c[1]2-"', "0,0"]
)
def test_an_event_comes_back_with_all_its_arguments(calm, namespace, args):
    with Peer(calm, namespace) as peer:
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
def test_binary_attachments_come_back_in_order(calm, namespace):
    with Peer(calm, namespace) as peer:
        peer.send(f'452-{prefix(namespace)}["message",{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06")
        assert [f'452-{prefix(namespace)}["message-back",{TWO}]', b"\x01\x02\x03", b"\x04\x05\x06"] == peer.take(3)


def test_attachments_may_lie_deep_and_be_empty(peer):
    inner = f'{{"deep":[{{"er":{ONE}}}]}}'
    peer.send(f'451-["message",{inner}]', b"")
    assert [f'451-["message-back",{inner}]', b""] == peer.take(2)


def test_binary_attachments_come_back_by_polling(calm):
    peer = Polling(calm.port, PATH)
    peer.send("40")
    assert 2 == len(peer.take(2))
    peer.send(f'451-["message",{ONE}]', "bAQIDBA==")
    assert [f'451-["message-back",{ONE}]', "bAQIDBA=="] == peer.take(2)


def test_events_come_back_by_polling(calm):
    peer = Polling(calm.port, PATH)
    peer.send("40/custom,")
    connected, auth = peer.take(2)
    assert connected.startswith('40/custom,{"sid":"')
    assert '42/custom,["auth",{}]' == auth
    peer.send('42/custom,["message",1]')
    assert ['42/custom,["message-back",1]'] == peer.next()


# -- acknowledgements


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_an_event_is_acknowledged_with_its_arguments(calm, namespace):
    with Peer(calm, namespace) as peer:
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


# -- what is wrong closes the connection, without a word in the log and with nothing left behind

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
    "event-with-number": ["42/custom,12"],
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
def test_a_wrong_packet_closes_the_connection(calm, packets):
    with Peer(calm, "/") as peer:
        peer.send(*packets)
        assert_over(calm, peer)


@pytest.mark.parametrize("packet", ["4abc", "42{}", '42["message",'])
def test_a_wrong_packet_by_polling_ends_the_session(calm, packet):
    peer = Polling(calm.port, PATH)
    peer.send("40")
    assert 2 == len(peer.take(2))
    assert peer.post(packet).status_code in (200, 400)
    calm.wait_freed(peer.sid)
    assert peer.is_over()


@pytest.mark.parametrize("event", ["connect", "disconnect"])
def test_a_client_cannot_call_the_handlers_of_the_connection(calm, event):
    """It is closed, or the event is ignored."""
    with Peer(calm, "/") as peer:
        peer.send(f'42["{event}",{{"token":"forged"}}]', '42["message","next"]')
        opcode, payload = peer.next_frame()
        assert opcode == 8 or payload == b'42["message-back","next"]'
        if opcode != 8:
            assert peer.members["/"] in calm.state()["members"]


def test_a_second_connect_makes_no_second_member(calm, peer):
    """It is closed, or remains the one that it was."""
    before = len(calm.state()["members"])
    peer.send("40", '42["message","next"]')
    while True:
        opcode, payload = peer.next_frame()
        if opcode == 8:
            break
        if payload == b'42["message-back","next"]':
            assert before == len(calm.state()["members"])
            break


def test_an_event_that_nobody_handles_is_ignored(peer):
    peer.send('42["unheard of",1]', '42["message","next"]')
    assert '42["message-back","next"]' == peer.next()


def test_the_end_of_the_connection_in_the_midst_of_attachments_leaves_nothing(calm):
    with Peer(calm, "/") as peer:
        peer.send(f'452-["message",{TWO}]', b"\x01")
        peer.reset()
    calm.wait_freed(peer.sid)
    calm.wait_left(peer.members["/"])
    assert_alive(calm)


# -- rooms


def numbers(*ranges: range, namespace: str = "/") -> list[str]:
    return [f'42{prefix(namespace)}["number",{number}]' for number in itertools.chain(*ranges)]


def test_everybody_in_a_room_hears_a_burst_in_order_and_nobody_else(calm):
    with Peer(calm, "/") as one, Peer(calm, "/") as two, Peer(calm, "/") as outside:
        for member in (one, two):
            member.call("join", "red")
        outside.send('42["burst","red",100]')
        assert numbers(range(100)) == one.take(100) == two.take(100)
        outside.send('42["message","next"]')
        assert '42["message-back","next"]' == outside.next()


def test_who_leaves_and_joins_in_the_middle_of_a_burst_misses_just_that_part(calm):
    with Peer(calm, "/") as one, Peer(calm, "/") as two:
        for member in (one, two):
            member.call("join", "blue")
        one.send('42["burst","blue",50,10,20]')
        assert numbers(range(50)) == two.take(50)
        assert numbers(range(10), range(20, 50)) == one.take(40)


def test_who_joins_in_the_middle_of_a_burst_hears_the_rest(calm):
    with Peer(calm, "/") as one:
        one.send('42["burst","green",50,-1,30]')
        assert numbers(range(30, 50)) == one.take(20)


def test_who_has_left_a_room_hears_no_more_of_it(calm, peer):
    peer.call("join", "black")
    peer.call("leave", "black")
    peer.send('42["burst","black",3]', '42["message","next"]')
    assert '42["message-back","next"]' == peer.next()


def test_a_room_that_was_closed_is_empty(calm, peer):
    with Peer(calm, "/") as other:
        for member in (peer, other):
            member.call("join", "white")
        other.call("empty", "white")
        peer.call("burst", "white", 3)


def test_rooms_of_one_name_in_two_namespaces_are_two(calm):
    with Peer(calm, *NAMESPACES) as both:
        both.call("join", "red")
        both.call("join", "red", namespace="/custom")
        both.send('42/custom,["burst","red",3]')
        assert numbers(range(3), namespace="/custom") == both.take(3)
        both.send('42["burst","red",3]')
        assert numbers(range(3)) == both.take(3)


def test_who_sends_may_be_left_out(calm, peer):
    with Peer(calm, "/") as other:
        for member in (peer, other):
            member.call("join", "grey")
        peer.call("others", "grey", "psst")
        assert '42["message-back","psst"]' == other.next()


def test_a_room_hears_by_polling_what_it_hears_by_websocket(calm, peer):
    poller = Polling(calm.port, PATH)
    poller.send("40")
    assert 2 == len(poller.take(2))
    poller.send('421["join","mixed"]')
    assert ["431[]"] == poller.next()
    peer.call("join", "mixed")
    peer.send('42["burst","mixed",40]')
    assert numbers(range(40)) == peer.take(40) == poller.take(40)
    peer.send(f'451-["others","mixed",{ONE}]', b"\x01\x02\x03\x04")
    assert [f'451-["message-back",{ONE}]', "bAQIDBA=="] == poller.take(2)


def test_who_has_left_the_namespace_is_in_no_room(calm, peer):
    with Peer(calm, "/") as other:
        for member in (peer, other):
            member.call("join", "gone")
        peer.send("41")
        calm.wait_left(peer.members["/"])
        other.send('42["burst","gone",3]')
        assert numbers(range(3)) == other.take(3)
        peer.connect("/")
        peer.send('42["message","next"]')
        assert '42["message-back","next"]' == peer.next()
