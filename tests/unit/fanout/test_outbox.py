"""What waits for one connection: order, bounds, pings first, direct writes."""

from __future__ import annotations

import queue

import pytest
from engineio.packet import CLOSE, NOOP, PING, Packet
from hypothesis import given
from hypothesis import strategies as st

from api.fanout import outbox as module
from api.fanout.frames import frame
from api.fanout.outbox import HIGH, LOW, MOST, POLLED
from tests.unit.fanout.outboxes import Wire, an_outbox, message


def polled(outbox):
    """The packets of one answer to a polling client."""
    return outbox.get(timeout=0.01).encode().split("\x1e")


def test_an_idle_websocket_is_written_to_at_once():
    wire = Wire()
    outbox, _ = an_outbox(wire=wire)
    outbox.put(message("one"))
    outbox.put_all([message("two"), message("three")])
    assert frame("4one") + frame("4two") + frame("4three") == wire.data
    assert outbox.idle


def test_what_the_socket_does_not_take_follows_before_anything_else():
    wire = Wire(room=3)
    outbox, _ = an_outbox(wire=wire)
    outbox.put(message("one"))
    outbox.put(message("two"))
    wire.room = 100
    outbox.put(message("three"))
    assert (frame("4one")[:3], 1) == (wire.data, min(wire.woken, 1))
    outbox.pump()
    assert frame("4one") + frame("4two") + frame("4three") == wire.data
    assert outbox.idle


def test_the_writer_gets_what_waits_in_one_piece_of_a_bounded_size():
    outbox, _ = an_outbox()
    texts = [str(number) * 1000 for number in range(10, 40)]
    outbox.put_all([message(text) for text in texts])
    first = outbox.get().frames()
    assert module.BATCH <= len(first) <= module.BATCH + 2010
    outbox.put(None)
    rest = b"".join(batch.frames() for batch in iter(outbox.get, None))
    assert b"".join(frame("4" + text) for text in texts) == first + rest


def test_a_ping_passes_what_waits_but_not_a_frame_in_the_middle():
    wire = Wire(room=3)
    outbox, _ = an_outbox(wire=wire)
    outbox.put(message("one"))
    outbox.put(message("two"))
    outbox.put(Packet(PING))
    wire.room = 100
    outbox.pump()
    assert frame("4one") + frame("2") + frame("4two") == wire.data


def test_a_reader_is_watched_from_each_ping_on_and_from_the_first_packet_that_waits():
    outbox, owner = an_outbox(wire=Wire())
    outbox.put(message("one"))
    assert 0 == owner.watched
    outbox.put(Packet(PING))
    assert 1 == owner.watched
    outbox.channel.room = 0
    outbox.put(message("two"))
    assert 2 == owner.watched


def test_a_polling_client_gets_sixteen_packets_at_a_time_in_order():
    outbox, _ = an_outbox(upgraded=False)
    for number in range(40):
        outbox.put(message(str(number)))
    answers = [polled(outbox) for _ in range(3)]
    assert [POLLED, POLLED, 8] == [len(answer) for answer in answers]
    assert [f"4{number}" for number in range(40)] == [packet for answer in answers for packet in answer]


def test_the_packet_that_ends_a_poll_ends_it():
    outbox, _ = an_outbox(upgraded=False)
    for packet in (message("one"), Packet(NOOP), message("two")):
        outbox.put(packet)
    assert ["4one", "6"] == polled(outbox)
    outbox.session.upgraded = True
    assert frame("4two") == outbox.get().frames()


def test_the_packet_that_closes_has_a_payload_of_its_own():
    outbox, _ = an_outbox(upgraded=False)
    for packet in (message("one"), message("two"), Packet(CLOSE)):
        outbox.put(packet)
    assert [["4one", "4two"], ["1"]] == [polled(outbox), polled(outbox)]


def test_a_binary_packet_is_base64_for_polling_and_a_binary_frame_for_a_websocket_whoever_asks_first():
    packet = message(b"\x00\x01")
    for first in (True, False):
        for upgraded in (first, not first, first):
            outbox, _ = an_outbox(upgraded=upgraded)
            outbox.put(packet)
            if upgraded:
                assert frame(b"\x00\x01") == outbox.get().frames()
            else:
                assert ["bAAE="] == polled(outbox)


def test_it_is_full_once_and_drained_once():
    outbox, owner = an_outbox()
    while not owner.told:
        outbox.put(message("x" * 1000))
    assert HIGH <= outbox.backlog < HIGH + 1100
    outbox.put(message("more"))
    assert (["filled"], True) == (owner.told, outbox.full)
    while outbox.full:
        outbox.get()
    assert outbox.backlog <= LOW
    assert ["filled", "drained"] == owner.told


def test_a_polling_client_that_does_not_come_back_keeps_it_full():
    outbox, owner = an_outbox(upgraded=False)
    outbox.put_all([message("x" * 10_000) for _ in range(7)])
    polled(outbox)
    assert ["filled"] == owner.told, "what was handed out may not have arrived"
    with pytest.raises(queue.Empty):
        outbox.get(timeout=0.01)
    assert ["filled", "drained"] == owner.told


def test_far_too_much_is_dropped_and_ends_the_connection():
    outbox, owner = an_outbox()
    for _ in range(MOST // 60_000 + 2):
        outbox.put(message("x" * 60_000))
    assert "overflowed" == owner.told[-1]
    assert 0 == outbox._waiting
    outbox.put(message("after the end"))
    assert outbox.get() is None


def test_the_end_comes_after_what_is_queued():
    outbox, _ = an_outbox()
    outbox.put(message("last words"))
    outbox.put(None)
    outbox.put(message("too late"))
    assert frame("4last words") == outbox.get().frames()
    assert outbox.get() is None
    assert outbox.get() is None


def test_a_poll_without_news_raises_empty_and_one_that_is_woken_for_nothing_waits_on():
    outbox, _ = an_outbox(upgraded=False)
    with pytest.raises(queue.Empty):
        outbox.get(timeout=0.01)
    outbox._bell.put(object())
    outbox._bell.put(object())
    outbox.put(message("news"))
    assert ["4news"] == polled(outbox)


def test_a_direct_channel_that_comes_later_gets_what_waits_before_what_follows():
    outbox, _ = an_outbox()
    outbox.put(message("one"))
    wire = Wire()
    outbox.attach_direct(wire)
    assert len(frame("4two")) == outbox.send(frame("4two"))
    assert frame("4one") + frame("4two") == wire.data


def test_what_the_last_poll_took_does_not_wait_any_more_after_the_upgrade():
    outbox, _ = an_outbox(upgraded=False)
    outbox.put(message("polled"))
    polled(outbox)
    wire = Wire()
    outbox.session.upgraded = True
    outbox.attach_direct(wire)
    assert outbox.idle
    outbox.put(message("live"))
    assert frame("4live") == wire.data


def test_the_end_wakes_a_direct_channel():
    wire = Wire()
    outbox, _ = an_outbox(wire=wire)
    outbox.put(None)
    assert (1, True, True) == (wire.woken, outbox.over, outbox.idle)
    outbox.put_all([message("late")])
    assert (None, b"") == (outbox.send, wire.data)


def test_a_close_does_not_wait_for_a_reader_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(module, "GOODBYE_SECONDS", 0.01)
    outbox, _ = an_outbox()
    outbox.put(message("unread"))
    outbox.join()
    assert not outbox.idle


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 3)),
            st.tuples(st.just("joined"), st.integers(1, 3)),
            st.tuples(st.just("pump"), st.just(0)),
            st.tuples(st.just("room"), st.integers(0, 30)),
        ),
        max_size=40,
    )
)
def test_whatever_the_socket_takes_the_frames_arrive_whole_and_in_order(steps):
    """Direct writes of any size, the hub's, and puts in any order."""
    wire = Wire(room=0)
    outbox, _ = an_outbox(wire=wire)
    sent = b""
    for number, (step, amount) in enumerate(steps):
        if step == "room":
            wire.room = amount
        elif step == "pump":
            outbox.pump()
        else:
            packets = [message(f"{number}-{each}") for each in range(amount)]
            joined = b"".join(frame("4" + packet.data) for packet in packets)
            if step == "put" or outbox.send is None:
                outbox.put_all(packets)
            elif wire.room:
                taken = outbox.send(joined)
                if taken < len(joined):
                    outbox.put_rest(joined, taken)
            else:
                with pytest.raises(BlockingIOError):
                    outbox.send(joined)
                outbox.put_all(packets)
            sent += joined
        assert (outbox.backlog == 0) is outbox.idle is (sent == wire.data) is (outbox.send is not None)
    wire.room = 10**9
    outbox.pump()
    assert sent == wire.data
    assert outbox.idle
