"""Hub and store through random joins, leaves, blocks, drops, restarts and trims, compared with a list.

What each reader gets is checked against what the wire contract promises a subscriber (section 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from api.delivery.lag import Lag
from api.domain.event import EventType
from tests.unit.delivery.world import TASK, Reader, World

SMALL = {
    "api.delivery.pages.PAGE": 4,
    "api.delivery.pages.CACHED": 2,
    "api.delivery.hub.PAGE": 3,
    "api.delivery.hub.FAR_BEHIND": 6,
    "api.delivery.feed.TAIL": 4,
    "api.delivery.feed.SLICE": 2,
}
"""So that a few events reach every corner."""
MEANWHILE = st.none() | st.lists(st.booleans(), max_size=5)
"""Events of which the bell is heard at once or not yet."""


@dataclass
class Reset:
    """`recovered: false`: what is older than `last_seq` is not owed any more."""

    last_seq: int


@dataclass(eq=False)
class Client:
    """Somebody who resumes at the last seq that arrived, whatever happens to the connection."""

    since: int
    reader: Reader
    got: list[Any] = field(default_factory=list)

    @property
    def cursor(self) -> int:
        for item in reversed(self.got):
            if not isinstance(item, Lag):
                return item.last_seq if isinstance(item, Reset) else item
        return self.since


class Delivery(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.patches = [patch(name, value) for name, value in SMALL.items()]
        for each in self.patches:
            each.start()
        self.world = World()
        self.kinds: list[EventType] = []
        """The list: the type of each event, in order."""
        self.trimmed = 0
        self.clients: list[Client] = []
        self.away: list[Client] = []

    @rule(count=st.integers(1, 5), kind=st.sampled_from([EventType.LOG, EventType.PROGRESS, EventType.PROGRESS]))
    def report(self, count, kind):
        self.world.report(count, kind)
        self.kinds += [kind] * count

    @rule(back=st.integers(0, 12), capacity=st.integers(1, 8), meanwhile=MEANWHILE)
    def join(self, back, capacity, meanwhile):
        since = max(0, len(self.kinds) - back)
        client = Client(since, Reader(capacity))
        self.connect(client, meanwhile)

    def connect(self, client, meanwhile=None):
        """As the adapters do: history that is not whole any more is not begun, but told.

        `meanwhile`: what is reported while the adapter reads how far the journal goes; None for one that does not.
        """
        with self.world.hub.expecting(TASK) as most:
            known = None if meanwhile is None else self.world.rest(client.cursor, most)
            for heard in meanwhile or ():
                self.report(1, EventType.LOG)
                if heard:
                    self.world.bus.deliver(len(self.world.bus.kept) - 1)
            self.enter(client, known)

    def enter(self, client, known):
        reader = client.reader = Reader(client.reader.capacity)

        def begin_anew():
            reader.outbox.append(Reset(len(self.kinds)))
            return len(self.kinds)

        reader.restart = begin_anew
        after = client.cursor if client.cursor >= self.trimmed else begin_anew()
        reader.subscription = self.world.hub.subscribe(TASK, after, reader, known)
        self.clients.append(client)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), count=st.integers(1, 10))
    def read(self, data, count):
        client = data.draw(st.sampled_from(self.clients))
        self.take(client, count)

    def take(self, client, count=10**9):
        client.got += client.reader.outbox[:count]
        client.reader.take(count)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def drop(self, data):
        """The connection is lost with all that was on its way."""
        client = data.draw(st.sampled_from(self.clients))
        self.clients.remove(client)
        client.reader.here = False
        self.world.hub.unsubscribe(client.reader.subscription)
        self.away.append(client)

    @precondition(lambda self: self.away)
    @rule(data=st.data(), meanwhile=MEANWHILE)
    def come_back(self, data, meanwhile):
        client = data.draw(st.sampled_from(self.away))
        self.away.remove(client)
        self.connect(client, meanwhile)

    @rule()
    def restart(self):
        """The process is killed and started again."""
        self.world.restart()
        self.away += self.clients
        self.clients = []

    @precondition(lambda self: self.world.bus.kept)
    @rule(data=st.data())
    def ring(self, data):
        self.world.bus.deliver(data.draw(st.integers(0, len(self.world.bus.kept) - 1)))

    @rule()
    def ring_all(self):
        self.world.ring_all()

    @precondition(lambda self: self.world.bus.kept)
    @rule(data=st.data())
    def lose(self, data):
        self.world.bus.kept.pop(data.draw(st.integers(0, len(self.world.bus.kept) - 1)))

    @precondition(lambda self: self.kinds)
    @rule(back=st.integers(0, 10))
    def trim(self, back):
        """Retention removes all but the last events."""
        self.trimmed = max(self.trimmed, len(self.kinds) - back)
        self.world.trim(self.trimmed)

    @rule()
    def run_spawned(self):
        self.world.runtime.run_spawned()

    @rule()
    def sweep(self):
        self.world.hub.sweep()

    @invariant()
    def every_client_got_what_it_was_promised(self):
        for client in [*self.clients, *self.away]:
            self.check(client)

    @invariant()
    def nobody_piles_up(self):
        for client in self.clients:
            assert len(client.reader.outbox) <= client.reader.capacity + SMALL["api.delivery.feed.SLICE"] + 1

    def check(self, client):
        last, lenient = client.since, 0
        for item in client.got:
            if isinstance(item, Lag):
                assert item.from_seq == last + 1
                lenient = item.to_seq
                continue
            if isinstance(item, Reset):
                assert last < self.trimmed, "it could have gone on"
                last, lenient = item.last_seq, 0
                continue
            missing = range(last + 1, item)
            assert item > last, (client.since, client.got)
            assert all(seq <= lenient and self.kinds[seq - 1] is EventType.PROGRESS for seq in missing), (
                client.since,
                client.got,
            )
            last = item

    def teardown(self):
        for client in [*self.away]:
            self.connect(client)
        for _ in range(200):
            self.world.hub.sweep()
            self.world.runtime.run_spawned()
            for client in self.clients:
                self.take(client)
        try:
            for client in self.clients:
                self.check(client)
                assert client.reader.live
                assert len(self.kinds) == client.cursor
        finally:
            for each in self.patches:
                each.stop()


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
