"""`SocketIO(serializer="msgpack")` with clients that speak it: everything that it does with JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgpack
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api.runtime.patch import MODES
from tests.support.players.base import NAMESPACES, Player
from tests.support.players.table import PACKED, TRANSPORTS
from tests.support.servers import ServerProcess, fanout_rooms
from tests.support.waiting import wait_until

VALUES: list[Any] = [None, True, -1.5, 2**53, "Grüße, 🛰️", [], {"deep": [{"er": {"": None}}]}, b"", bytes(range(256))]
LARGE = 200_000
CONNECT, EVENT = 0, 2


@pytest.fixture(scope="module", params=MODES)
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    command = fanout_rooms(request.param, "--serializer", "msgpack")
    with ServerProcess(tmp_path_factory.mktemp("rooms"), command=command, awaits="/state") as running:
        yield running


@pytest.fixture(scope="module")
def players(packed: ServerProcess) -> Iterator[dict[str, Player]]:
    """Each client by each transport."""
    with ExitStack() as stack:
        seated: dict[str, Player] = {}
        for client, make in PACKED.items():
            for transport, ways in TRANSPORTS.items():
                seated[f"{client}-{transport}"] = player = make(packed.url, ways)
                stack.callback(player.close)
        for kind, player in seated.items():
            wanted = "polling" if kind.endswith("polling") else "websocket"
            wait_until(lambda player=player, wanted=wanted: player.transport() == wanted)
        yield seated


def test_values_rooms_namespaces_and_acknowledgements(players: dict[str, Player]) -> None:
    for kind, player in players.items():
        assert VALUES == [player.call("echo", value) for value in VALUES], kind
        assert 3 == len({player.sid(namespace) for namespace in NAMESPACES})
        player.call("enter", "a", namespace="/a")
        player.call("tell", "a", VALUES, namespace="/a")
        assert [VALUES] == player.got("told", "/a")
        assert [] == player.got("told", "/b")
        player.call("exit", "a", namespace="/a")


def test_one_room_of_every_kind_hears_the_same_in_order(players: dict[str, Player]) -> None:
    """An encoded packet is shared: what polling needs of it is not what a WebSocket needs."""
    everybody = list(players.values())
    for player in everybody:
        player.forget()
        player.call("enter", "all")
    everybody[0].call("burst", "all", 0, 100)
    everybody[0].call("act", ["emit", "all", b"\x00\xff" * 10], ["emit", "all", "🛰" * (LARGE // 4)])
    for player in everybody:
        player.call("echo")
        assert list(range(100)) == player.got("number")
        assert [b"\x00\xff" * 10, "🛰" * (LARGE // 4)] == player.got("told")
        player.call("exit", "all")


def test_undefined_is_nothing(players: dict[str, Player]) -> None:
    """The official client writes it as an extension, in its CONNECT too."""
    assert players["python-websocket"].call("echo", msgpack.ExtType(0, b"\0")) is None
    assert [None] == players["python-polling"].call("echo", [msgpack.ExtType(0, b"\0")])


def test_the_server_asks_and_gets_the_acknowledgement(players: dict[str, Player]) -> None:
    asking, asked = players["python-websocket"], players["js-4.8.4-upgrade"]
    asking.forget()
    asking.call("ask", asked.sid(), b"\x00", "more")
    wait_until(lambda: asking.got("answered"))
    assert [("answer", b"\x00", "more")] == asking.got("answered")


def hears_the_end(client: ClientConnection) -> None:
    """What was under way to it may come first."""
    with pytest.raises(ConnectionClosed):
        _read_on(client)


def _read_on(client: ClientConnection) -> None:
    while client.recv(10):
        continue


def _packet(kind: int = EVENT, **fields: Any) -> bytes:
    return bytes(msgpack.packb({"type": kind, "nsp": "/", "data": ["echo"], **fields}))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xc1",
        b"\x91" * 40_000,
        b"\xdd\xff\xff\xff\xff",
        msgpack.packb([EVENT, "/"]),
        msgpack.packb({"type": EVENT, "data": ["echo"]}),
        _packet()[:-1],
        _packet() + b"\x00",
        _packet(9),
        _packet("2"),  # type: ignore[arg-type]
        _packet(nsp=7),
        _packet(id="1"),
        _packet(data={"no": "list"}),
        _packet(data=[1, 2]),
        _packet(data=["connect"]),
        _packet(data=["echo", {1: 2}]),
        '2["echo"]',
    ],
)
def test_what_is_no_packet_closes_the_connection_and_leaves_no_traceback(packed: ServerProcess, wrong: Any) -> None:
    with connect(f"ws://127.0.0.1:{packed.port}/socket.io/?EIO=4&transport=websocket") as client:
        client.recv(10)
        client.send(_packet(CONNECT, data=None))
        assert CONNECT == msgpack.unpackb(client.recv(10))["type"]
        client.send(_packet(data=["echo", 1], id=3))
        assert [1] == msgpack.unpackb(client.recv(10))["data"]
        client.send(wrong)
        hears_the_end(client)
    assert "Traceback" not in packed.log_text()


def test_a_client_of_the_other_serializer_is_closed(packed: ServerProcess) -> None:
    with connect(f"ws://127.0.0.1:{packed.port}/socket.io/?EIO=4&transport=websocket") as client:
        client.recv(10)
        client.send("40")
        hears_the_end(client)
