"""`api.fanout.SocketIO` and the bytes: writes that are taken in part, readers that stall, sockets that break."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import requests

from api.runtime.patch import MODES
from tests.support.byte_reader import ByteReader
from tests.support.players.base import Player
from tests.support.players.python_player import PythonPlayer
from tests.support.servers import ServerProcess, fanout_rooms
from tests.support.waiting import wait_until

OVER_TLS = "eventlet-tls"
PATIENCE_SECONDS = 2.0
DROP, DROPS = 100_000, 25
"""Bytes of a large message, and how many of them stay well below what may wait for one connection."""
CRUMB, CRUMBS = 1000, 3000
MOUTHFULS = (1, 2, 3, 7, 100, 1500)
NUMBERS = 1000
Break = Callable[[ByteReader], None]


@pytest.fixture(scope="module", params=[*MODES, OVER_TLS])
def rooms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One that loses its patience soon."""
    mode, _, over_tls = request.param.partition("-")
    options = request.getfixturevalue("certificate").options if over_tls else ()
    command = fanout_rooms(mode, "--patience", str(PATIENCE_SECONDS), *options)
    scheme = "https" if over_tls else "http"
    with ServerProcess(tmp_path_factory.mktemp("rooms"), command=command, awaits="/state", scheme=scheme) as running:
        yield running


@pytest.fixture
def other(rooms: ServerProcess) -> Iterator[Player]:
    """Somebody who has no trouble."""
    player = PythonPlayer(rooms.url, ["websocket"])
    yield player
    player.close()


def sockets(rooms: ServerProcess) -> int:
    """One when nobody but the `other` is there: whoever came before has gone, or is about to."""
    return int(requests.get(f"{rooms.url}/state", timeout=10).json()["sockets"])


def test_five_megabytes_in_small_mouthfuls_arrive_whole_and_in_order(rooms: ServerProcess) -> None:
    """The socket takes each write in parts; what follows must not get in between."""
    chance, reader = random.Random(5), ByteReader(rooms.url)
    reader.emit("flood", 0, DROPS, DROP)
    while len(reader.events) < DROPS // 2:
        reader.read(chance.choice(MOUTHFULS))
    reader.emit("flood", DROPS, DROPS, DROP)
    reader.emit("burst", "nowhere", 0, 10)
    while len(reader.events) < 2 * DROPS + 1:
        reader.read(chance.choice(MOUTHFULS))
    reader.close()
    drops = [event for event in reader.events if event[0] == "drop"]
    assert list(range(2 * DROPS)) == [number for _name, number, _data in drops]
    assert all(data == "x" * DROP for _name, _number, data in drops)
    assert 1 == sum(event == ["direct", 0] for event in reader.events)


def test_a_reader_that_drains_while_a_turn_goes_on_gets_everything_in_order(rooms: ServerProcess) -> None:
    """Now the socket takes nothing, now it has room again, before the server's writer has had its turn."""
    reader = ByteReader(rooms.url, receive_buffer=16_384)
    reader.emit("flood", 0, CRUMBS, CRUMB)
    while len(reader.events) < CRUMBS:
        reader.read(65_536)
    reader.close()
    assert [["drop", number, "x" * CRUMB] for number in range(CRUMBS)] == reader.events


@pytest.mark.parametrize("stuffed", [False, True], ids=["idle", "in a flood"])
@pytest.mark.parametrize("end", [ByteReader.half_close, ByteReader.reset], ids=["half closed", "reset"])
def test_a_broken_socket_frees_its_session_and_harms_nobody(
    rooms: ServerProcess, other: Player, room: str, end: Break, stuffed: bool
) -> None:
    """One that is half closed and does not read keeps what waits for it until the server loses its patience."""
    reader = ByteReader(rooms.url)
    other.call("enter", room, other.sid(), reader.sid)
    if stuffed:
        reader.emit("flood", 0, DROPS, DROP)
        reader.read(1)
    other.call("pulse", room, NUMBERS)
    end(reader)
    wait_until(lambda: sockets(rooms) == 1, PATIENCE_SECONDS + 10, lambda: f"{sockets(rooms)} are there, not 1")
    wait_until(lambda: len(other.got("number")) >= NUMBERS)
    other.call("burst", room, NUMBERS, 1)
    assert list(range(NUMBERS + 1)) == other.got("number")
    reader.close()


def test_a_reader_that_takes_nothing_is_let_go_and_the_others_have_everything(
    rooms: ServerProcess, other: Player, room: str
) -> None:
    """More waits for it than may wait."""
    reader = ByteReader(rooms.url)
    other.call("enter", room, other.sid(), reader.sid)
    for number in range(2 * DROPS):
        other.call("tell", room, [number, "x" * DROP])
    assert list(range(2 * DROPS)) == [number for number, _data in other.got("told")]
    wait_until(lambda: sockets(rooms) == 1, PATIENCE_SECONDS + 10, lambda: f"{sockets(rooms)} are there, not 1")
    reader.close()


@pytest.mark.parametrize("end", [ByteReader.half_close, ByteReader.say_goodbye])
def test_whoever_ends_it_in_a_flood_and_reads_on_finds_whole_frames(rooms: ServerProcess, end: Break) -> None:
    """The goodbye that is answered does not come in the middle of one."""
    reader = ByteReader(rooms.url)
    reader.emit("flood", 0, DROPS, DROP)
    while len(reader.events) < 2:
        reader.read(4096)
    end(reader)
    while not reader.ended:
        reader.read(65536)
    reader.close()
    assert list(range(len(reader.events))) == [number for _name, number, _data in reader.events]
