"""`api.fanout.SocketIO` keeps the order for each connection: of rooms, direct emits and acknowledgements, whatever
the transport, with members who come and go, and across an upgrade. Nothing is lost or doubled."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.players.base import ACK, Player
from tests.support.players.raw_player import RawPlayer
from tests.support.players.table import KINDS, Table, a_player
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

PER_CALLER, EACH, SPAN = 2, 84, 1000
"""Bursts of each client, numbers in each burst, and from the first number of one to the first of the next."""
JS_UPGRADES = [kind for kind in KINDS if kind.startswith("js") and kind.endswith("upgrade")]
PULSES = 5000
SHOOTERS, SHOTS, SHOT_BYTES = 8, 30, 300


def test_room_emits_direct_emits_and_acknowledgements_keep_their_order(table: Table, room: str) -> None:
    """2,016 numbers to a room with every client by every transport in it, all of which have bursts in flight."""
    players = table.seat_all()
    for player in players.values():
        player.call("enter", room)
    bursts = {(nth * PER_CALLER + more) * SPAN: kind for nth, kind in enumerate(players) for more in range(PER_CALLER)}
    for first, kind in bursts.items():
        players[kind].emit("burst", room, first, EACH, noted=True)
    for kind, player in players.items():
        expected = {first: a_burst(first, own=kind == caller) for first, caller in bursts.items()}
        total = sum(map(len, expected.values()))
        wait_until(
            lambda player=player, total=total: len(player.heard) >= total,
            explain=lambda kind=kind, player=player, total=total: f"{kind} has {len(player.heard)} of {total}",
        )
        player.call("echo")
        assert expected == by_burst(player.events()), kind


def a_burst(first: int, *, own: bool) -> list[tuple[str, int]]:
    """What one connection is to hear of a burst, its own or another's."""
    heard = []
    for number in range(first, first + EACH):
        heard.append(("number", number))
        if own and number % 10 == 0:
            heard.append(("direct", number))
    return [*heard, (ACK, first + EACH)] if own else heard


def by_burst(events: list[tuple[str, int]]) -> dict[int, list[tuple[str, int]]]:
    """Several bursts may run at once where handlers are threads: each by itself is in order."""
    bursts: dict[int, list[tuple[str, int]]] = {}
    for name, number in events:
        bursts.setdefault(number // SPAN * SPAN, []).append((name, number))
    return bursts


@pytest.mark.parametrize("chooser", range(3))
def test_membership_at_the_time_of_the_emit_decides(table: Table, room: str, chooser: int) -> None:
    """Members enter and leave in the middle of a burst, which is one turn of the server."""
    players, chance = table.seat_all(), random.Random(chooser)
    caller = players.pop(KINDS[chooser])
    sids = {kind: player.sid() for kind, player in players.items()}
    moves, expected = [], {}
    for kind, sid in sids.items():
        turns = sorted(chance.sample(range(500), 8))
        moves += [[at, ("enter", "exit")[nth % 2], sid, room] for nth, at in enumerate(turns)]
        pairs = zip(turns[::2], turns[1::2], strict=True)
        expected[kind] = [number for start, end in pairs for number in range(start, end)]
    caller.call("burst", room, 0, 500, moves)
    for player in players.values():
        player.call("echo")
    assert expected == {kind: player.got("number") for kind, player in players.items()}
    assert [] == caller.got("number")


def test_steps_of_one_turn_are_told_in_their_order(player: Player, other: Player, room: str) -> None:
    """To a room, to one sid, to a room that is left, entered again, closed: one turn, in which nothing is sent yet."""
    sid, another = player.sid(), f"{room}-2"
    player.call(
        "act",
        *(["enter", sid, room], ["emit", room, 1], ["emit", sid, 2], ["enter", sid, another], ["emit", another, 3]),
        *(["exit", sid, room], ["emit", room, "missed"], ["emit", sid, 4], ["emit", [room, another], 5]),
        *(["enter", sid, room], ["emit", room, 6], ["close", room], ["emit", room, "missed"], ["emit", another, 7]),
    )
    player.emit("act", ["emit", sid, 8])
    player.call("echo")
    wait_until(lambda: 8 in player.got("told"))
    assert [1, 2, 3, 4, 5, 6, 7, 8] == player.got("told")


@pytest.mark.parametrize("kind", JS_UPGRADES)
def test_the_official_client_misses_nothing_while_it_upgrades(table: Table, kind: str) -> None:
    """The numbers begin before it knows that it is connected, and go on after the upgrade."""
    player = a_player(table.url, kind, {"counted": 500}, upgraded=False)
    wait_until(lambda: player.got("counted"), 30, lambda: f"{len(player.heard)} came, by {player.transport()}")
    numbers = [message for message in player.heard if (message.namespace, message.name) == ("/", "number")]
    count, before_the_upgrade = player.got("counted")[0]
    assert list(range(count)) == [message.args[0] for message in numbers]
    assert before_the_upgrade
    assert "websocket" == numbers[-1].transport
    player.close()


@pytest.mark.parametrize("polls_before", [0, 3, 50])
def test_an_upgrade_in_the_middle_of_a_burst_loses_and_doubles_nothing(
    rooms: ServerProcess, table: Table, room: str, polls_before: int
) -> None:
    """Step by step: a part is polled, a part waits for the end of the upgrade, a part is emitted after it."""
    speaker, player = table.seat("python-websocket"), RawPlayer(rooms.url)
    speaker.call("enter", room, player.sid)
    speaker.call("burst", room, 0, 1000)
    for _ in range(polls_before):
        player.poll()
    probed = player.probe()
    speaker.call("burst", room, 1000, 1000)
    while not player.poll():
        pass
    player.upgrade(probed)
    speaker.call("burst", room, 2000, 1000)
    while len(player.heard) < 3000:
        player.receive()
    speaker.call("burst", room, 3000, 1)
    player.receive()
    player.close()
    assert [("number", number) for number in range(3001)] == player.heard


def test_an_upgrade_while_others_emit_keeps_the_order(rooms: ServerProcess, table: Table, room: str) -> None:
    """A background task emits all the time: also when the connection counts as upgraded and its queue is not empty."""
    speaker, player = table.seat("python-websocket"), RawPlayer(rooms.url)
    speaker.call("enter", room, player.sid)
    speaker.call("burst", room, 0, 100)
    speaker.call("pulse", room, PULSES, 100)
    player.upgrade(player.probe())
    while len(player.heard) < 100 + PULSES:
        player.receive()
    player.close()
    assert [("number", number) for number in range(100 + PULSES)] == player.heard


def test_a_poll_that_waits_while_the_upgrade_begins_is_ended_by_it(
    rooms: ServerProcess, table: Table, room: str
) -> None:
    speaker, player = table.seat("python-websocket"), RawPlayer(rooms.url)
    speaker.call("enter", room, player.sid)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(player.poll)
        probed = player.probe()
        speaker.call("burst", room, 0, 20)
        ended = waiting.result()
    while not ended:
        ended = player.poll()
    player.upgrade(probed)
    speaker.call("burst", room, 20, 20)
    while len(player.heard) < 40:
        player.receive()
    player.close()
    assert [("number", number) for number in range(40)] == player.heard


def test_binary_messages_of_several_emitters_do_not_mix(table: Table, room: str) -> None:
    """A binary message is several packets, and each connection gets them together, whoever else emits meanwhile."""
    players = table.seat_all()
    for player in players.values():
        player.call("enter", room)
    players[KINDS[0]].call("crossfire", room, SHOOTERS, SHOTS, SHOT_BYTES)
    wait_until(
        lambda: all(len(player.got("shot")) >= SHOOTERS * SHOTS for player in players.values()),
        explain=lambda: (
            f"not {SHOOTERS * SHOTS}: { {kind: len(player.got('shot')) for kind, player in players.items()} }"
        ),
    )
    for kind, player in players.items():
        for shooter in range(SHOOTERS):
            numbers = [number for source, number, _ in player.got("shot") if source == shooter]
            assert list(range(SHOTS)) == numbers, kind
        assert all(data == bytes([shooter]) * SHOT_BYTES for shooter, _, data in player.got("shot")), kind


def test_numbers_between_the_turns_of_others_come_in_order(table: Table, room: str) -> None:
    """A background task emits to everybody while everybody calls."""
    players = table.seat_all()
    for player in players.values():
        player.call("enter", room)
    players[KINDS[0]].call("pulse", room, 1000)
    for number in range(20):
        assert [number] * len(players) == [player.call("echo", number) for player in players.values()]
    for kind, player in players.items():
        wait_until(lambda player=player: len(player.got("number")) >= 1000)
        assert list(range(1000)) == player.got("number"), kind
