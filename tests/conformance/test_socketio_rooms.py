"""Rooms: who hears what, in which order, while members come and go."""

from __future__ import annotations

import itertools

from tests.conformance.talking import NAMESPACES, ONE, PATH, Peer, prefix
from tests.support.peers import Polling


def numbers(*ranges: range, namespace: str = "/") -> list[str]:
    return [f'42{prefix(namespace)}["number",{number}]' for number in itertools.chain(*ranges)]


def test_everybody_in_a_room_hears_a_burst_in_order_and_nobody_else(talk):
    with Peer(talk, "/") as one, Peer(talk, "/") as two, Peer(talk, "/") as outside:
        for member in (one, two):
            member.call("join", "red")
        outside.send('42["burst","red",100]')
        assert numbers(range(100)) == one.take(100) == two.take(100)
        outside.send('42["message","next"]')
        assert '42["message-back","next"]' == outside.next()


def test_who_leaves_and_joins_in_the_middle_of_a_burst_misses_just_that_part(talk):
    with Peer(talk, "/") as one, Peer(talk, "/") as two:
        for member in (one, two):
            member.call("join", "blue")
        one.send('42["burst","blue",50,10,20]')
        assert numbers(range(50)) == two.take(50)
        assert numbers(range(10), range(20, 50)) == one.take(40)


def test_who_joins_in_the_middle_of_a_burst_hears_the_rest(talk):
    with Peer(talk, "/") as one:
        one.send('42["burst","green",50,-1,30]')
        assert numbers(range(30, 50)) == one.take(20)


def test_who_has_left_a_room_hears_no_more_of_it(talk, peer):
    peer.call("join", "black")
    peer.call("leave", "black")
    peer.call("burst", "black", 3)


def test_a_room_that_was_closed_is_empty(talk, peer):
    with Peer(talk, "/") as other:
        for member in (peer, other):
            member.call("join", "white")
        other.call("empty", "white")
        peer.call("burst", "white", 3)


def test_rooms_of_one_name_in_two_namespaces_are_two(talk):
    with Peer(talk, *NAMESPACES) as both:
        both.call("join", "red")
        both.call("join", "red", namespace="/custom")
        both.send('42/custom,["burst","red",3]')
        assert numbers(range(3), namespace="/custom") == both.take(3)
        both.send('42["burst","red",3]')
        assert numbers(range(3)) == both.take(3)


def test_who_sends_may_be_left_out(talk, peer):
    with Peer(talk, "/") as other:
        for member in (peer, other):
            member.call("join", "grey")
        peer.call("others", "grey", "psst")
        assert '42["message-back","psst"]' == other.next()


def test_a_room_hears_by_polling_what_it_hears_by_websocket(talk, peer):
    poller = Polling(talk.port, PATH)
    poller.send("40")
    assert 2 == len(poller.take(2))
    poller.send('421["join","mixed"]')
    assert ["431[]"] == poller.next()
    peer.call("join", "mixed")
    peer.send('42["burst","mixed",40]')
    assert numbers(range(40)) == peer.take(40) == poller.take(40)
    peer.send(f'451-["others","mixed",{ONE}]', b"\x01\x02\x03\x04")
    assert [f'451-["message-back",{ONE}]', "bAQIDBA=="] == poller.take(2)


def test_who_has_left_the_namespace_is_in_no_room(talk, peer):
    with Peer(talk, "/") as other:
        for member in (peer, other):
            member.call("join", "gone")
        peer.send("41")
        talk.wait_left(peer.members["/"])
        other.send('42["burst","gone",3]')
        assert numbers(range(3)) == other.take(3)
        peer.connect("/")
        peer.send('42["message","next"]')
        assert '42["message-back","next"]' == peer.next()
