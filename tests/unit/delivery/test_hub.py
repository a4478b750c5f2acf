"""The hub: cursors meet the live feed without a gap and without a duplicate."""

from __future__ import annotations

import pytest

from api import metrics
from api.delivery import feed as feed_module
from api.delivery import hub as hub_module
from api.delivery.feed import SLICE
from api.delivery.lag import Lag
from api.domain.event import Event, EventType
from api.errors import NotFound, Unavailable
from tests.unit.delivery.world import AT, TASK, Reader, World


@pytest.fixture
def world():
    return World()


def run(start, end):
    return list(range(start, end + 1))


def test_a_reader_from_the_start_gets_what_is_stored_and_then_what_comes(world):
    world.report(450)
    world.ring_all()
    reader = world.join(0)
    world.report(3)
    world.ring_all()
    assert run(1, 453) == reader.seqs


def test_a_bell_that_comes_after_the_reader_has_read_its_event_is_dropped(world):
    world.report(2)
    reader = world.join(0)
    world.ring_all()
    assert [1, 2] == reader.seqs


def test_bells_in_the_wrong_order_arrive_in_the_right_one(world):
    reader = world.join(0)
    world.report(3)
    for index in (2, 1, 0):
        world.bus.deliver(index)
        world.runtime.run_spawned()
    assert [1, 2, 3] == reader.seqs


def test_a_lost_bell_is_made_up_for_by_the_next_one(world):
    reader = world.join(0)
    world.report(2)
    world.bus.kept.clear()
    world.report()
    world.ring_all()
    assert [1, 2, 3] == reader.seqs


def test_the_last_bell_of_a_task_may_be_lost_too(world):
    reader = world.join(0)
    world.report()
    world.bus.kept.clear()
    world.hub.sweep()
    world.runtime.run_spawned()
    assert [1] == reader.seqs


def test_an_event_that_is_committed_while_a_hole_is_filled_comes_once(world):
    reader = world.join(0)
    world.report(2)
    world.bus.kept.pop(0)
    world.bus.deliver()  # the hole is seen, the thread that fills is due
    world.report()
    world.bus.deliver()
    world.runtime.run_spawned()
    assert [1, 2, 3] == reader.seqs


def test_a_reader_that_goes_while_it_is_fed_does_not_enter(world):
    world.report(300)
    reader = Reader()

    def go(events):
        reader.here = False
        return 0

    reader.deliver = go
    world.join(0, reader)
    world.report()
    world.ring_all()
    assert (False, []) == (reader.live, reader.seqs)


def test_a_reader_without_room_waits_in_the_journal_and_misses_nothing(world):
    world.report(500)
    reader = world.join(0, Reader(capacity=40))
    assert (40, False) == (len(reader.outbox), reader.live)
    while not reader.live:
        world.report()
        reader.take()
        world.runtime.run_spawned()
        assert len(reader.outbox) <= 40
    world.ring_all()
    assert run(1, world.last_seq) == reader.seqs


def test_a_live_reader_that_fills_up_leaves_with_its_cursor_and_comes_back(world):
    slow, other = world.join(0, Reader(capacity=10)), world.join(0)
    before = metrics.BEHIND._value.get()
    world.report(100)
    world.ring_all()
    assert (10, False, True) == (len(slow.outbox), slow.live, other.live)
    assert before + 1 == metrics.BEHIND._value.get()
    while not slow.live:
        slow.take()
        world.runtime.run_spawned()
    slow.take()
    world.report()
    world.ring_all()
    assert run(1, 101) == slow.seqs == other.seqs


def test_one_push_piles_up_no_more_than_a_slice_for_a_reader_without_room(world):
    reader = world.join(0, Reader(capacity=10))
    world.report(1000)
    world.bus.kept.clear()
    world.hub.sweep()
    world.runtime.run_spawned()
    assert len(reader.outbox) <= 10 + SLICE
    while len(reader.seqs) < 1000:
        reader.take()
        world.runtime.run_spawned()
    assert run(1, 1000) == reader.seqs


def test_who_fills_up_with_the_last_stored_event_is_not_pushed_to(world):
    world.report(10)
    reader = world.join(0, Reader(capacity=10))
    world.report(5)
    world.ring_all()
    assert 10 == len(reader.outbox)
    reader.take()
    world.runtime.run_spawned()
    assert (run(1, 15), True) == (reader.seqs, reader.live)


def test_who_fills_up_with_the_last_event_in_memory_is_not_pushed_to_either(world):
    world.join(0)
    world.report(10)
    world.ring_all()
    reader = world.join(0, Reader(capacity=10))
    assert reader.live
    world.report(5)
    world.ring_all()
    assert (10, False) == (len(reader.outbox), reader.live)


def test_when_the_last_live_reader_has_left_a_hole_is_not_waited_for(world):
    reader = world.join(0, Reader(capacity=10))
    world.report(600)
    world.bus.kept.clear()
    world.hub.sweep()
    world.runtime.run_spawned()
    for _ in range(100):
        reader.take()
        world.runtime.run_spawned()
    assert (run(1, 600), True) == (reader.seqs, reader.live)


def test_superseded_progress_is_left_out_for_a_reader_far_behind_and_announced_first(world, monkeypatch):
    monkeypatch.setattr(hub_module, "FAR_BEHIND", 20)
    monkeypatch.setattr(feed_module, "TAIL", 5)
    reader = world.join(0, Reader(capacity=10))
    world.report(10)
    world.ring_all()
    assert not reader.live
    world.report(30, EventType.PROGRESS)
    world.report(2)
    world.report(30, EventType.PROGRESS)
    world.report(3)
    world.ring_all()
    while not reader.live:
        reader.take()
        world.runtime.run_spawned()
    reader.take()
    kept = [41, 42, 72, 73, 74, 75]
    lag = reader.taken[10]
    assert (Lag, 11, 75, 59) == (type(lag), lag.from_seq, lag.to_seq, lag.skipped)
    assert run(1, 10) + kept == reader.seqs
    world.report()
    world.ring_all()
    assert 76 == reader.seqs[-1]


def test_a_first_replay_is_whole_however_long_and_slow(world, monkeypatch):
    monkeypatch.setattr(hub_module, "FAR_BEHIND", 20)
    world.report(300, EventType.PROGRESS)
    reader = world.join(0, Reader(capacity=10))
    while not reader.live:
        reader.take()
        world.runtime.run_spawned()
    assert run(1, 300) == reader.seqs


def test_a_journal_that_is_down_is_waited_for(world):
    world.report(300)
    read = world.store.read

    def down(query):
        raise Unavailable

    world.store.read = down
    reader = world.join(0)
    assert [] == reader.seqs
    world.store.read = read
    world.runtime.run_spawned()
    assert run(1, 300) == reader.seqs


def test_a_deleted_task_ends_the_subscription_of_a_reader_behind(world):
    world.report(300)
    reader = world.join(0, Reader(capacity=10))
    world.store.write(lambda tx: tx.delete_task(TASK))
    reader.take()
    world.hub._pages._kept.clear()
    world.runtime.run_spawned()
    assert (True, {}) == (reader.subscription.gone, world.hub._feeds)


def starts_over(world, reader):
    """The reader's answer to lost history: it notes that, and goes on at the end."""

    def restart():
        reader.outbox.append("reset")
        return world.last_seq

    reader.restart = restart
    return reader


def test_history_that_is_trimmed_under_a_reader_behind_makes_it_start_over(world):
    world.report(600)
    reader = world.join(0, starts_over(world, Reader(capacity=250)))
    assert 250 == len(reader.outbox)
    world.trim(500)
    world.hub._pages._kept.clear()
    reader.take()
    world.runtime.run_spawned()
    world.report()
    world.ring_all()
    assert [*run(1, 250), "reset", 601] == [*reader.taken, *reader.outbox]


def test_history_that_is_trimmed_in_a_shortened_stretch_makes_it_start_over(world, monkeypatch):
    monkeypatch.setattr(hub_module, "FAR_BEHIND", 20)
    monkeypatch.setattr(feed_module, "TAIL", 5)
    reader = world.join(0, starts_over(world, Reader(capacity=10)))
    for kind in (EventType.LOG, EventType.PROGRESS, EventType.LOG):
        world.report(30, kind)
    world.ring_all()
    reader.take()
    world.runtime.run_spawned()  # announced, and filled up with what is not progress
    assert isinstance(reader.outbox[0], Lag)
    world.trim(80)
    reader.take()
    world.runtime.run_spawned()
    assert "reset" == reader.outbox[0]
    assert reader.live


def test_a_feed_whose_next_events_are_trimmed_lets_its_readers_start_over(world):
    readers = [world.join(0, starts_over(world, Reader())) for _ in range(2)]
    world.report(300)
    world.bus.kept.clear()
    world.trim(290)
    world.hub.sweep()
    world.runtime.run_spawned()
    world.report()
    world.ring_all()
    for reader in readers:
        assert ["reset", 301] == reader.outbox


def test_a_newcomer_ahead_of_a_feed_whose_next_events_are_trimmed_does_not_make_others_miss_them(world):
    reader = world.join(0, starts_over(world, Reader()))
    world.report(2)
    world.ring_all()
    world.report(2)
    world.bus.kept.clear()
    world.trim(4)
    newcomer = world.join(4)
    world.report()
    world.ring_all()
    assert ([1, 2, "reset", 5], [5]) == (reader.outbox, newcomer.outbox)


def test_live_readers_of_a_deleted_task_are_let_go(world):
    reader = world.join(0)
    world.report(2)
    world.bus.deliver(1)  # a hole, and by then there is nothing to fill it with
    world.store.write(lambda tx: tx.delete_task(TASK))
    world.runtime.run_spawned()
    assert (True, {}) == (reader.subscription.gone, world.hub._feeds)


def test_a_reader_that_reads_for_itself_is_told_that_the_next_events_are_gone(world):
    world.report(600)
    reader = world.join(None)
    assert run(1, 200) == [event.seq for event in world.hub.after(reader.subscription, 0)]
    world.trim(500)
    world.hub._pages._kept.clear()
    assert world.hub.after(reader.subscription, 0) is None
    assert run(501, 600) == [event.seq for event in world.hub.after(reader.subscription, 500)]


def test_who_has_left_hears_nothing_more_and_nothing_is_kept_of_it(world):
    reader = world.join(0)
    world.hub.unsubscribe(reader.subscription)
    world.hub.unsubscribe(reader.subscription)
    world.report()
    world.ring_all()
    assert ([], {}) == (reader.seqs, world.hub._feeds)


def test_who_knows_how_far_the_journal_goes_is_live_without_a_read(world, monkeypatch):
    world.report(3)
    with world.hub.expecting(TASK) as most:
        known = world.rest(1, most)
        monkeypatch.setattr(world.store, "read", None)
        assert (run(2, 3), True) == ((reader := world.join(1, known=known)).seqs, reader.live)
    with world.hub.expecting(TASK) as most:
        assert 0 == most  # the hub has been brought there
        assert run(2, 3) == world.join(1, known=(3, [])).seqs


def test_what_is_said_while_a_newcomer_reads_is_not_missed(world):
    world.report(3)
    with world.hub.expecting(TASK) as most:
        known = world.rest(1, most)
        world.report(2)
        world.ring_all()
        reader = world.join(1, known=known)
    assert run(2, 5) == reader.seqs
    world.report()
    world.ring_all()
    assert run(2, 6) == reader.seqs


def test_a_task_that_nobody_joins_after_all_is_forgotten(world):
    with pytest.raises(NotFound), world.hub.expecting(TASK):
        raise NotFound()
    assert {} == world.hub._feeds
    with world.hub.expecting(TASK):
        reader = world.join(0)
        world.hub.unsubscribe(reader.subscription)
        assert [TASK] == list(world.hub._feeds)
    assert {} == world.hub._feeds


def test_a_page_is_read_once_for_all_who_want_it(world):
    world.report(600)
    reads = []
    read = world.store.read
    world.store.read = lambda query: reads.append(1) or read(query)
    for _ in range(20):
        assert run(1, 600) == world.join(0).seqs
    assert len(reads) <= 1 + 3 + 20 * 2  # opened once, three full pages, and per reader the end


def test_who_comes_after_another_gets_the_last_stored_events_without_a_read(world, monkeypatch):
    world.report(40)
    first = world.join(30)
    world.report(3)
    world.ring_all()
    second = world.join(0)
    monkeypatch.setattr(world.store, "read", None)
    for after in (0, 10, 38, 43):
        assert run(after + 1, 43) == world.join(after).seqs
    assert (run(31, 43), run(1, 43)) == (first.seqs, second.seqs)


def test_memory_holds_no_more_of_what_is_stored_than_of_what_is_live(world, monkeypatch):
    monkeypatch.setattr(feed_module, "TAIL", 500)
    world.report(900)
    world.join(0)
    world.report(450)
    world.ring_all()
    world.join(0)
    feed = world.hub._feeds[TASK]
    assert run(851, 1350) == [event.seq for event in feed._tail]
    assert run(700, 1350) == world.join(699).seqs


def test_long_texts_are_not_kept(world):
    world.report(200, message="x" * 10_000)
    assert run(1, 200) == world.join(0).seqs
    assert ({}, 0) == (world.hub._pages._kept, len(world.hub._feeds[TASK]._tail))


def test_an_event_knows_whether_it_ends_its_task():
    ends = Event(TASK, 1, EventType.STATUS_CHANGE, {"status": "cancelled"}, AT)
    goes_on = Event(TASK, 2, EventType.STATUS_CHANGE, {"status": "paused"}, AT)
    assert (True, False) == (ends.terminal, goes_on.terminal)
