"""What the tests of Socket.IO share: an app with two namespaces that answers."""

from __future__ import annotations

import itertools
import json

from tests.support.fanout_servers import FanoutServer
from tests.support.peers import WebSocket

PATH = "/socket.io/"
NAMESPACES = ("/", "/custom")
_ack_ids = itertools.count(1000)


def placeholder(number: object) -> dict[str, object]:
    return {"_placeholder": True, "num": number}


TWO = json.dumps([placeholder(0), placeholder(1)], separators=(",", ":"))[1:-1]
ONE = json.dumps(placeholder(0), separators=(",", ":"))


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
