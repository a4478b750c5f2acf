"""`api.fanout.SocketIO` with Flask-SocketIO's message queue: two server processes are one chat, through Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from api.fanout import SocketIO
from tests.support.players.base import Player
from tests.support.players.table import Table
from tests.support.redis_server import RedisProcess
from tests.support.servers import ServerProcess, fanout_rooms
from tests.support.waiting import wait_until

PAIRS = [("eventlet", "eventlet"), ("gevent", "threading")]
KINDS = ("python-websocket", "asyncio-polling", "js-4.8.4-upgrade")
BINARY = {"bytes": bytes(range(256)), "text": "🛰️"}
NUMBERS = 500


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def tables(
    request: pytest.FixtureRequest, redis: RedisProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Table]]:
    """Two servers that share a Redis."""
    with ExitStack() as stack:
        seated = []
        for mode in request.param:
            command = fanout_rooms(mode, "--redis", redis.url)
            server = ServerProcess(tmp_path_factory.mktemp("rooms"), command=command, awaits="/state")
            seated.append(Table(stack.enter_context(server).url))
            stack.callback(seated[-1].close)
        wait_until(lambda: connected(*seated), explain=lambda: "the servers do not hear each other")
        yield seated


def connected(here: Table, there: Table) -> bool:
    """A server subscribes in the background: until then it misses what others emit."""
    heard = []
    for one, another in ((here, there), (there, here)):
        listener = one.seat(KINDS[0])
        requests.post(f"{another.url}/tell", json={"room": listener.sid(), "value": "anybody?"}, timeout=10)
        listener.call("echo")
        heard.append(listener.got("told"))
    return all(heard)


def seat_everywhere(tables: list[Table], room: str) -> list[Player]:
    players = [table.seat(kind) for table in tables for kind in KINDS]
    for player in players:
        player.call("enter", room)
    return players


def all_heard(players: list[Player], name: str, count: int) -> None:
    wait_until(
        lambda: all(len(player.got(name)) >= count for player in players),
        explain=lambda: str([len(player.got(name)) for player in players]),
    )


def test_a_room_is_one_room_in_both_servers_and_hears_everything_once(tables: list[Table], room: str) -> None:
    players = seat_everywhere(tables, room)
    for number, player in enumerate(players):
        player.call("tell", room, number)
    players[0].call("tell", room, BINARY)
    all_heard(players, "told", len(players) + 1)
    for player in players:
        player.call("echo")
        told = player.got("told")  # what comes from the other server may be overtaken by what comes from this one
        assert sorted(each for each in told if each != BINARY) == list(range(len(players)))
        assert 1 == told.count(BINARY)


def test_a_burst_keeps_its_order_in_the_other_server_too(tables: list[Table], room: str) -> None:
    players = seat_everywhere(tables, room)
    players[0].call("burst", room, 0, NUMBERS)
    all_heard(players, "number", NUMBERS)
    assert [list(range(NUMBERS))] * len(players) == [player.got("number") for player in players]


def test_a_skipped_sid_is_skipped_wherever_it_is(tables: list[Table], room: str) -> None:
    players = seat_everywhere(tables, room)
    skipped = players[-1]
    players[0].call("tell", room, "not for the last", [skipped.sid()])
    players[0].call("tell", room, "for all")
    all_heard(players, "told", 1)
    all_heard(players[:-1], "told", 2)
    assert ["for all"] == skipped.got("told")


def test_an_acknowledgement_comes_back_from_the_other_server(tables: list[Table]) -> None:
    here, there = (table.seat(KINDS[0]) for table in tables)
    here.call("ask", there.sid(), "who?")
    wait_until(lambda: here.got("answered"))
    assert [("answer", "who?")] == here.got("answered")


def test_a_room_is_closed_and_a_client_disconnected_in_the_other_server(tables: list[Table], room: str) -> None:
    players = seat_everywhere(tables, room)
    here, there = players[0], players[-1]
    here.call("act", ["emit", room, "open"], ["close", room], ["emit", room, "closed"], ["disconnect", there.sid()])
    wait_until(lambda: "/" in there.gone)
    all_heard(players, "told", 1)
    assert [["open"]] * len(players) == [player.got("told") for player in players]


def test_a_process_that_only_writes_reaches_both(tables: list[Table], redis: RedisProcess, room: str) -> None:
    """As a worker does it that serves nobody."""
    players = seat_everywhere(tables, room)
    writer = SocketIO(message_queue=redis.url, async_mode="threading")
    writer.emit("told", BINARY, to=room)
    all_heard(players, "told", 1)
    writer.server.manager.redis.close()
    for player in players:
        player.call("echo")
        assert [BINARY] == player.got("told")
