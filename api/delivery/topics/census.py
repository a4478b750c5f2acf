"""Who is connected to this process, what they listen to, and how much was told."""

from __future__ import annotations

from typing import Any

from api import metrics
from api.delivery.topics.hub import Topics
from api.domain.announcement import Topic
from api.fanout import SocketIO
from api.fanout.plain import PlainSockets


class Census:
    def __init__(self, socketio: SocketIO, sockets: PlainSockets, topics: Topics) -> None:
        self._socketio = socketio
        self._sockets = sockets
        self._topics = topics

    def connections(self) -> dict[str, int]:
        """By transport: Socket.IO (WebSocket and polling), plain WebSocket, Server-Sent Events."""
        return {
            "socketio": len(self._socketio.server.eio.sockets),
            "websocket": len(self._sockets.sockets),
            "sse": int(metrics.value(metrics.STREAMS)),
        }

    def subscriptions(self) -> dict[str, Any]:
        """`tasks`: of one task each, whatever the transport; `topics`: listeners by topic."""
        return {
            "tasks": int(metrics.value(metrics.SUBSCRIPTIONS)),
            "topics": {str(topic): self._topics.listeners(topic) for topic in Topic},
        }

    def broadcasts(self) -> dict[str, dict[str, int]]:
        """By topic: messages announced here since the start, and messages sent, counted for each listener."""
        return {
            str(topic): {"announced": self._topics.announced[topic], "sent": self._topics.sent[topic]}
            for topic in Topic
        }
