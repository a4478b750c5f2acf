"""`/ws/realtime`, also at `/api/ws/realtime`: topics."""

from __future__ import annotations

import uuid
from typing import Any

from api.delivery.dialects import topics as dialect
from api.delivery.topics.hub import Telling, Topics
from api.delivery.topics.membership import Membership
from api.delivery.websocket.connection import Connection, Delivery
from api.domain.permission import Principal


class RealtimeConnection(Connection):
    def __init__(self, parts: Delivery, principal: Principal, topics: Topics) -> None:
        super().__init__(parts)
        self._membership = Membership(topics, principal, parts.clock, self)

    def begin(self) -> None:
        self.at_the_end(self._membership.leave)
        self._membership.greet(str(uuid.uuid4()))

    def pass_on(self, telling: Telling) -> None:
        if self.socket is not None:
            self.socket.put(telling.text)

    def answer(self, message: Any, text: str) -> None:
        self._membership.obey(message)

    def refuse(self, reason: str) -> None:
        self.send(dialect.error(reason, self.parts.clock()))
