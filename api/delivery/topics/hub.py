"""The hub of topics: whoever listens in this process hears what is announced, as often as the topic allows.

There is no history. A listener that has no room gets, once it has some, what it missed as a `batch`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

from api import metrics
from api.delivery.dialects.topics import BATCH, Message, together
from api.delivery.topics.throttle import Throttle
from api.domain.announcement import THROTTLED, Announcement, Gathering, Parcel, Topic
from api.domain.permission import Principal
from api.errors import RuncastError
from api.fanout.batch import TextMessage
from api.log import get_logger
from api.ports import Clock
from api.runtime.base import Runtime

_log = get_logger(__name__)
PERIOD_SECONDS = 0.1
"""Of a throttled topic; also how often a listener without room is looked at."""
POSTED = 1000
"""Messages on their way to the hub at once; what comes above that goes after them as a batch."""
SETTLE_SECONDS = 1.0
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str).encode


class Telling:
    """A message on its way, encoded once for all who hear it."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.packets: Sequence[Any] = ()
        """Of Socket.IO, once somebody needs them."""

    @cached_property
    def text(self) -> TextMessage:
        return TextMessage(_encode(self.message))


class Listener(Protocol):
    """One connection. Nothing here may block or switch."""

    @property
    def principal(self) -> Principal: ...
    @property
    def here(self) -> bool: ...
    def has_room(self) -> bool: ...
    def tell(self, telling: Telling) -> None: ...


class _Group:
    """All listeners of one topic that may hear the same."""

    def __init__(self, topic: Topic, principal: Principal) -> None:
        self.topic = topic
        self.principal = principal
        self.listeners: dict[Listener, Gathering | None] = {}
        """With what each has missed, if it has."""
        self.throttle = Throttle(topic) if topic in THROTTLED else None
        self.posted = 0
        self.surplus = Gathering()


class Topics:
    """One per process; an `api.ports.Announcer` for those who listen here."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._lock = runtime.lock()
        self._groups: dict[Topic, tuple[_Group, ...]] = dict.fromkeys(Topic, ())
        self._missing: set[tuple[_Group, Listener]] = set()
        """Who has missed something, and is looked at until there is room."""
        self.announced: Counter[Topic] = Counter()
        self.sent: Counter[Topic] = Counter()
        """Messages, to one listener each."""
        self.joined: dict[Topic, list[Callable[[], None]]] = defaultdict(list)
        """To be called before anybody is admitted to a topic; they may block, and raise."""

    # -- who listens

    def wanted(self, *topics: Topic) -> bool:
        """Whether somebody listens to one of these; from any thread."""
        return any(self._groups[topic] for topic in topics)

    def listeners(self, topic: Topic) -> int:
        return sum(len(group.listeners) for group in self._groups[topic])

    def enter(self, listener: Listener, topic: Topic) -> None:
        """What is announced from now on is told; entering twice is entering once. `Unavailable` as `joined` raises."""
        with self._lock:
            group = self._group_of(listener.principal, topic)
            if group is None:
                group = _Group(topic, listener.principal)
                self._groups[topic] += (group,)
            group.listeners.setdefault(listener)
        try:
            for call in self.joined[topic]:
                call()
        except RuncastError:
            self.leave(listener, topic)
            raise

    def leave(self, listener: Listener, topic: Topic) -> None:
        """It is told nothing more of the topic; one that does not listen to it has left."""
        with self._lock:
            group = self._group_of(listener.principal, topic)
            if group is None or listener not in group.listeners:
                return
            del group.listeners[listener]
            self._missing.discard((group, listener))
            if not group.listeners:
                self._groups[topic] = tuple(each for each in self._groups[topic] if each is not group)

    def _group_of(self, principal: Principal, topic: Topic) -> _Group | None:
        return next((group for group in self._groups[topic] if group.principal == principal), None)

    # -- what is told

    def announce(self, announcement: Announcement) -> None:
        self.pass_on(announcement.parcel(self._clock()))

    def pass_on(self, parcel: Parcel) -> None:
        """As `announce`, for what was announced elsewhere or before."""
        with self._lock:
            self.announced[parcel.topic] += parcel.count
            for group in self._groups[parcel.topic]:
                if parcel.is_for(group.principal):
                    self._take(group, parcel)

    def settle(self) -> None:
        """Wait until what was announced before this has been told; a second at most."""
        told = self._runtime.waiter()
        self._runtime.post(told.set)
        told.wait(SETTLE_SECONDS)

    def _take(self, group: _Group, parcel: Parcel) -> None:
        """Locked."""
        if group.throttle is None or not parcel.throttle:
            if group.posted < POSTED:
                self._post(group, together(parcel.topic, parcel.count, parcel.items, self._clock()))
            else:
                group.surplus.add(parcel)
        elif group.throttle.put(parcel):
            self._post(group, group.throttle.turn(self._clock()))
            self._runtime.post(self._runtime.spawn, self._turns, group)

    def _turns(self, group: _Group) -> None:
        """In a thread of its own for as long as there is something in each period."""
        throttle = group.throttle
        while throttle is not None:
            self._runtime.sleep(PERIOD_SECONDS)
            with self._lock:
                message = throttle.turn(self._clock())
                if message is None:
                    return
                self._post(group, message)

    def _post(self, group: _Group, message: Message | None) -> None:
        """Locked."""
        if message is not None:
            group.posted += 1
            self._runtime.post(self._push, group, message)

    def _push(self, group: _Group, message: Message) -> None:
        with self._lock:
            group.posted -= 1
            rest = together(group.topic, *group.surplus.taken(), self._clock())
        self._tell(group, message)
        if rest is not None:
            self._tell(group, rest)

    def _tell(self, group: _Group, message: Message) -> None:
        try:
            telling = Telling(message)
            for listener, missed in list(group.listeners.items()):
                if missed is not None or not listener.has_room():
                    self._miss(group, listener, message)
                else:
                    listener.tell(telling)
                    self.sent[group.topic] += 1
        except (TypeError, ValueError):
            metrics.failure("announcement")
            _log.warning("announcement_is_no_json", topic=str(group.topic), type=str(message.get("type")))

    # -- listeners without room

    def _miss(self, group: _Group, listener: Listener, message: Message) -> None:
        many = message["type"] == BATCH
        parcel = Parcel(group.topic, message["items"] if many else [message], message["count"] if many else 1)
        with self._lock:
            if listener not in group.listeners:
                return
            missed = group.listeners[listener] = group.listeners[listener] or Gathering()
            missed.add(parcel)
            begins = not self._missing
            self._missing.add((group, listener))
        if begins:
            self._runtime.spawn(self._make_up)

    def _make_up(self) -> None:
        """In a thread of its own for as long as somebody misses something."""
        while self._missing:
            self._runtime.sleep(PERIOD_SECONDS)
            for group, listener in list(self._missing):
                if listener.has_room() or not listener.here:
                    self._give(group, listener)

    def _give(self, group: _Group, listener: Listener) -> None:
        with self._lock:
            self._missing.discard((group, listener))
            missed = group.listeners.get(listener)
            if missed is None:
                return
            group.listeners[listener] = None
            message = together(group.topic, *missed.taken(), self._clock())
        if message is not None:
            listener.tell(Telling(message))
            self.sent[group.topic] += 1
