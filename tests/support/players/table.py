"""Players that are connected once to one server and used by many tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from tests.support.players.asyncio_player import AsyncioPlayer
from tests.support.players.base import Player
from tests.support.players.js_player import VERSIONS, JsPlayer
from tests.support.players.python_player import PythonPlayer
from tests.support.waiting import wait_until

CLIENTS: dict[str, Callable[..., Player]] = {
    "python": PythonPlayer,
    "asyncio": AsyncioPlayer,
    **{f"js-{version}": partial(JsPlayer, version=version) for version in VERSIONS},
}
TRANSPORTS: dict[str, Sequence[str]] = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}
PACKED: dict[str, Callable[..., Player]] = {
    "python": partial(PythonPlayer, serializer="msgpack"),
    "js-4.8.4": partial(JsPlayer, version=VERSIONS[-1], parser="socket.io-msgpack-parser"),
}
"""Those that speak msgpack."""
KINDS = [f"{client}-{transport}" for client in CLIENTS for transport in TRANSPORTS]
"""Each client by each transport, as "python-polling"."""
UPGRADE_SECONDS = 10


def a_player(url: str, kind: str, auth: Any = None, *, upgraded: bool = True) -> Player:
    """A new one, for one test. `upgraded`: not before it has its WebSocket, where it gets one."""
    client, _, transport = kind.rpartition("-")
    player = CLIENTS[client](url, TRANSPORTS[transport], auth)
    expected = "polling" if transport == "polling" else "websocket"
    if upgraded:
        wait_until(lambda: player.transport() == expected, UPGRADE_SECONDS, lambda: f"{kind} is not upgraded")
    return player


def players_of_every_kind(url: str, auth: Any = None) -> dict[str, Player]:
    """New ones by kind, in the order of `KINDS`."""
    return _at_once(lambda kind: a_player(url, kind, auth))


def _at_once(seat: Callable[[str], Player]) -> dict[str, Player]:
    """A node process takes its time to start; here they all do at the same time."""
    with ThreadPoolExecutor(len(KINDS)) as pool:
        return dict(zip(KINDS, pool.map(seat, KINDS), strict=True))


class Table:
    """One player of each kind at most; those that lost their connection are replaced."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._players: dict[str, Player] = {}

    def seat(self, kind: str, name: str = "") -> Player:
        """The player of a kind, who has heard nothing yet; with a `name` another one of that kind."""
        player = self._players.get(kind + name)
        if player is None or player.gone:
            if player is not None:
                player.close()
            player = self._players[kind + name] = a_player(self.url, kind)
        player.call("echo")  # what is under way to it, in whatever namespace, has arrived then
        player.forget()
        return player

    def seat_all(self) -> dict[str, Player]:
        """By kind, in the order of `KINDS`."""
        return _at_once(self.seat)

    def close(self) -> None:
        for player in self._players.values():
            player.close()
