"""Rooms and the cork: one write for what a turn emits, order and membership as if it were not there."""

from __future__ import annotations

import pytest
import socketio
from socketio import Manager

from api.fanout.frames import frame
from api.fanout.rooms import CORKED, Rooms
from tests.unit.fanout.outboxes import Wire, an_outbox

NS = "/tasks"


class Turn:
    """A hub's turn that ends when the test says so."""

    def __init__(self):
        self._calls = []

    def __call__(self, call):
        self._calls.append(call)

    def ends(self):
        calls, self._calls = self._calls, []
        for call in calls:
            call()


class World:
    def __init__(self, kind=Manager, soon=None):
        self.server = socketio.Server(async_mode="threading", client_manager=kind())
        self.manager = Rooms.fit(self.server.manager, soon)
        self.wires = {}

    def client(self, *rooms):
        """Its sid."""
        eio_sid = f"e{len(self.wires)}"
        outbox, _ = an_outbox(wire=Wire())
        outbox.session.queue = outbox
        outbox._owner.flush = self.manager.cork.flush
        self.server.eio.sockets[eio_sid] = outbox.session
        sid = self.manager.connect(eio_sid, NS)
        self.wires[sid] = outbox.channel
        for room in rooms:
            self.manager.enter_room(sid, NS, room)
        return sid

    def emit(self, text, **options):
        self.manager.emit(text, None, NS, **options)

    def heard(self, sid):
        """The frames that it got, as the names of their events."""
        data, names = self.wires[sid].data, []
        while data:
            size = data[1]
            names.append(data[2 : 2 + size].decode().split('"')[1])
            data = data[2 + size :]
        return names


@pytest.fixture
def turn():
    return Turn()


def test_an_event_for_a_room_reaches_its_members_and_nobody_else():
    world = World()
    one, two, other = world.client("a"), world.client("a", "b"), world.client("b")
    world.emit("x", room="a")
    world.emit("y", room=["a", "b"])
    world.emit("z")
    world.emit("mine", to=one)
    world.emit("skip", room="a", skip_sid=one)
    world.emit("skips", room="a", skip_sid=[one, two])
    assert ["x", "y", "z", "mine"] == world.heard(one)
    assert ["x", "y", "z", "skip"] == world.heard(two)
    assert ["y", "z"] == world.heard(other)


def test_what_one_turn_emits_to_a_room_is_one_write(turn):
    world = World(soon=turn)
    sid = world.client("a")
    for n in range(20):
        world.emit(f"n{n}", room="a")
    assert b"" == world.wires[sid].data
    turn.ends()
    assert [f"n{n}" for n in range(20)] == world.heard(sid)
    world.emit("next", room="a")
    turn.ends()
    assert "next" == world.heard(sid)[-1]


def test_a_large_turn_does_not_pile_up(turn):
    world = World(soon=turn)
    sid = world.client("a")
    world.emit("x" * CORKED, room="a")
    assert len(world.wires[sid].data) > CORKED


def test_order_between_rooms_and_what_is_sent_to_one_alone_is_kept(turn):
    world = World(soon=turn)
    sid = world.client("a", "b")
    world.emit("one", room="a")
    world.emit("two", room="b")
    world.emit("three", to=sid)
    world.server.eio.sockets["e0"].queue.put(world.manager.packets("four", None, NS)[0])
    world.emit("five", room="a")
    turn.ends()
    assert ["one", "two", "three", "four", "five"] == world.heard(sid)


def test_who_is_in_a_room_when_it_is_emitted_to_gets_it(turn):
    world = World(soon=turn)
    leaves, comes, goes = world.client("a"), world.client(), world.client("a")
    world.emit("one", room="a")
    world.manager.leave_room(leaves, NS, "a")
    world.manager.enter_room(comes, NS, "a")
    world.manager.disconnect(goes, NS)
    world.emit("two", room="a")
    world.manager.close_room("a", NS)
    world.emit("three", room="a")
    turn.ends()
    assert [["one"], ["two"], ["one"]] == [world.heard(sid) for sid in (leaves, comes, goes)]


def test_a_callback_is_asked_for_in_order(turn):
    world = World(soon=turn)
    sid = world.client("a")
    world.server._send_packet = lambda eio_sid, packet: world.wires[sid].write_now(frame("4" + packet.encode()))
    world.emit("one", room="a")
    world.emit("two", to=sid, callback=print)
    assert ["one", "two"] == world.heard(sid)


def test_a_connection_is_in_a_room_of_its_own_that_nobody_else_may_enter():
    world = World()
    one, two = world.client("a"), world.client()
    assert [[one, "a"], [two]] == [world.manager.get_rooms(sid, NS) for sid in (one, two)]
    with pytest.raises(ValueError, match="sid room"):
        world.manager.enter_room(two, NS, one)
    with pytest.raises(ValueError, match="sid room"):
        world.manager.close_room(one, NS)


def test_nothing_is_left_of_those_who_have_gone():
    world = World()
    sids = [world.client("a", f"room {n}") for n in range(5)]
    for sid in sids:
        world.manager.pre_disconnect(sid, NS)
        world.manager.disconnect(sid, NS)
    assert ({}, {}, {}) == (world.manager.rooms, world.manager._joined, world.manager.pending_disconnect)
    world.emit("nobody", room="a")


def test_a_manager_of_another_kind_keeps_its_ways_and_gets_these_below():
    class Loud(Manager):
        heard = 0

        def emit(self, *arguments, **options):
            self.heard += 1
            super().emit(*arguments, **options)

    world = World(kind=Loud)
    sid = world.client("a")
    world.emit("x", room="a")
    assert (1, ["x"]) == (world.manager.heard, world.heard(sid))
    assert isinstance(world.manager, Rooms)
