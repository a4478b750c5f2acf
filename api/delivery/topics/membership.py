"""The topics of one connection, whatever carries them."""

from __future__ import annotations

from typing import Any, Protocol

from api.delivery.dialects import topics as dialect
from api.delivery.dialects.topics import Action, Message
from api.delivery.topics.hub import Telling, Topics
from api.domain.announcement import Topic
from api.domain.permission import Principal
from api.ports import Clock


class Wire(Protocol):
    """The connection, as a membership needs it. Nothing here may block or switch."""

    here: bool

    def send(self, message: Message) -> None: ...
    def pass_on(self, telling: Telling) -> None:
        """The same with what others hear too."""

    def has_room(self) -> bool: ...


class Membership:
    """A `hub.Listener`."""

    def __init__(self, topics: Topics, principal: Principal, clock: Clock, wire: Wire) -> None:
        self.principal = principal
        self._topics = topics
        self._clock = clock
        self._wire = wire
        self._heard: set[Topic] = set()

    @property
    def here(self) -> bool:
        return self._wire.here

    def has_room(self) -> bool:
        return self._wire.has_room()

    def tell(self, telling: Telling) -> None:
        if telling.message["topic"] in self._heard:
            self._wire.pass_on(telling)

    def greet(self, client_id: str) -> None:
        """Its first message, and the topic that nobody needs to ask for."""
        self._wire.send(dialect.connected(client_id, self._clock()))
        self._topics.enter(self, dialect.DEFAULT)
        self._heard.add(dialect.DEFAULT)

    def obey(self, message: Any) -> Message:
        """Do what a message asks for; its answer, which has been sent. `InvalidInput`, `Unavailable`."""
        request = dialect.request_of(message)
        if request.action is Action.PING:
            answer = dialect.pong(self._clock())
            self._wire.send(answer)
            return answer
        change = self.subscribe if request.action is Action.SUBSCRIBE else self.unsubscribe
        return change(request.topic)

    def subscribe(self, topic: Topic) -> Message:
        """Nothing of the topic comes before the answer."""
        self._topics.enter(self, topic)
        answer = dialect.subscription(topic, self._clock())
        self._wire.send(answer)
        self._heard.add(topic)
        if not self.here:
            self.leave()
        return answer

    def unsubscribe(self, topic: Topic) -> Message:
        """Nothing of the topic comes after the answer."""
        self._heard.discard(topic)
        self._topics.leave(self, topic)
        answer = dialect.unsubscription(topic, self._clock())
        self._wire.send(answer)
        return answer

    def leave(self) -> None:
        self._heard.clear()
        for topic in Topic:
            self._topics.leave(self, topic)
