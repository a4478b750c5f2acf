"""`api.fanout.SocketIO` and each client by each transport, in each async mode: everything that Socket.IO does."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.players.base import NAMESPACES, Player
from tests.support.players.table import KINDS, a_player, players_of_every_kind
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

VALUES: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "",
    'Grüße, 世界, 🛰️👩‍🚀, \u202eright to left, \x00\x1e\n"quoted"',
    [],
    {"deep": [{"er": {"": None}}]},
    b"",
    bytes(range(256)),
    {"a": b"\x00", "b": [b"\xff" * 700, "between", b"\x1e"]},
]
LARGE = 200_000


def test_an_acknowledgement_carries_every_kind_of_value(player: Player) -> None:
    assert VALUES == [player.call("echo", value) for value in VALUES]
    assert VALUES == player.call("echo", *VALUES, namespace="/a")
    assert player.call("echo") is None


def test_each_namespace_of_one_connection_has_its_own_rooms_and_messages(player: Player, room: str) -> None:
    assert 3 == len({player.sid(namespace) for namespace in NAMESPACES})
    for namespace in ("/", "/a"):
        player.call("enter", room, namespace=namespace)
    for namespace in NAMESPACES:
        player.call("tell", room, f"for {namespace}", namespace=namespace)
    assert ["for /"] == player.got("told", "/")
    assert ["for /a"] == player.got("told", "/a")
    assert [] == player.got("told", "/b")


def test_a_room_is_heard_from_entering_to_leaving(player: Player, other: Player, room: str) -> None:
    other.call("tell", room, "before")
    player.call("enter", room)
    other.call("tell", room, "within")
    player.call("tell", room, "by themselves")
    player.call("exit", room)
    other.call("tell", room, "after")
    player.call("echo")
    assert ["within", "by themselves"] == player.got("told")


def test_who_is_skipped_hears_nothing_and_the_others_do(player: Player, other: Player, room: str) -> None:
    for each in (player, other):
        each.call("enter", room)
    player.call("tell", room, "not for me", [player.sid()])
    player.call("tell", room, "not for the other", [other.sid()])
    player.call("tell", room, "for nobody", [player.sid(), other.sid()])
    other.call("echo")
    assert ["not for the other"] == player.got("told")
    assert ["not for me"] == other.got("told")


def test_a_closed_room_is_empty_and_can_be_entered_again(player: Player, other: Player, room: str) -> None:
    for each in (player, other):
        each.call("enter", room)
    player.call("act", ["emit", room, "open"], ["close", room], ["emit", room, "closed"])
    player.call("enter", room)
    player.call("tell", room, "open again")
    other.call("echo")
    assert ["open", "open again"] == player.got("told")
    assert ["open"] == other.got("told")


def test_an_emit_without_a_room_reaches_everybody_in_the_namespace(player: Player, other: Player) -> None:
    player.call("tell_all", "all of /b", namespace="/b")
    other.call("echo", namespace="/b")
    assert [["all of /b"], []] == [player.got("told", "/b"), player.got("told", "/")]
    assert ["all of /b"] == other.got("told", "/b")


@pytest.mark.parametrize("value", ["text", b"\x00\xff"])
def test_the_server_asks_and_gets_the_clients_acknowledgement(player: Player, other: Player, value: Any) -> None:
    other.call("ask", player.sid(), value, "more")
    wait_until(lambda: other.got("answered"), explain=lambda: f"the question: {player.got('question')}")
    player.call("echo")  # it may tell of the question after its answer has gone out
    assert [("answer", value, "more")] == other.got("answered")
    assert [(value, "more")] == player.got("question")


@pytest.mark.parametrize("value", ["🛰" * (LARGE // 4), bytes(range(250)) * (LARGE // 250)], ids=["text", "binary"])
def test_large_messages_come_whole_and_in_their_place(player: Player, room: str, value: Any) -> None:
    player.call("enter", room)
    player.call("act", ["emit", room, "first"], ["emit", room, value], ["emit", room, "last"])
    assert player.got("told") == ["first", value, "last"]


def test_background_tasks_and_requests_emit_to_rooms_too(
    rooms: ServerProcess, player: Player, other: Player, room: str
) -> None:
    player.call("enter", room)
    other.call("tell_later", room, "from a task")
    wait_until(lambda: player.got("told"))
    requests.post(f"{rooms.url}/tell", json={"room": room, "value": "from a request"}, timeout=10)
    player.call("echo")
    assert ["from a task", "from a request"] == player.got("told")


def test_what_is_emitted_before_a_client_knows_it_is_connected_arrives(rooms: ServerProcess) -> None:
    for kind, player in players_of_every_kind(rooms.url, {"greetings": 40}).items():
        for namespace in NAMESPACES:
            player.call("echo", namespace=namespace)
            assert list(range(40)) == player.got("greeting", namespace), kind
        player.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("js-4.8")])
def test_who_is_refused_is_told(rooms: ServerProcess, kind: str) -> None:
    with pytest.raises(Exception, match="come back later"):
        a_player(rooms.url, kind, {"refused": True})


def test_last_words_are_heard_and_nothing_after_them(rooms: ServerProcess, other: Player, room: str) -> None:
    """One namespace of each connection is disconnected by the server, right after 40 emits, and one before."""
    leavers = players_of_every_kind(rooms.url)
    other.call("enter", room, other.sid())
    other.call("enter", room, *(player.sid() for player in leavers.values()))
    words = [["emit", room, number] for number in range(40)]
    farewells = [["disconnect", player.sid()] for player in leavers.values()]
    other.call("act", *words, *farewells, ["emit", room, "too late"])
    for kind, player in leavers.items():
        wait_until(lambda player=player: "/" in player.gone, explain=lambda kind=kind: f"{kind} is not gone")
        player.call("echo", namespace="/a")
        assert list(range(40)) == player.got("told"), kind
        assert {"/"} == player.gone, kind
    assert [*range(40), "too late"] == other.got("told")
    for player in leavers.values():
        player.close()


def test_last_words_are_heard_before_the_connection_is_closed(rooms: ServerProcess, other: Player, room: str) -> None:
    """The server ends the connection itself, with all its namespaces, in the turn of the last of 40 emits."""
    leavers = players_of_every_kind(rooms.url)
    other.call("enter", room, *(player.sid() for player in leavers.values()))
    words = [["emit", room, number] for number in range(40)]
    other.call("act", *words, *(["hang up", player.sid()] for player in leavers.values()))
    for kind, player in leavers.items():
        wait_until(lambda player=player: "/a" in player.gone, explain=lambda kind=kind: f"{kind} is not gone")
    heard = {kind: len(player.got("told")) for kind, player in leavers.items()}
    assert dict.fromkeys(KINDS, 40) == heard
    for player in leavers.values():
        player.close()


def test_who_leaves_one_namespace_stays_in_the_others_and_who_goes_leaves_nothing(
    rooms: ServerProcess, room: str
) -> None:
    before = state(rooms)["sockets"]
    visitors = players_of_every_kind(rooms.url)
    sids = {visitor.sid(namespace) for visitor in visitors.values() for namespace in NAMESPACES}
    for kind, visitor in visitors.items():
        sid = visitor.sid("/b")
        visitor.call("enter", room, namespace="/a")
        visitor.leave("/b")
        wait_until(lambda sid=sid: sid not in state(rooms)["members"]["/b"])
        visitor.call("tell", room, "still here", namespace="/a")
        assert ["still here"] == visitor.got("told", "/a"), kind
        visitor.call("exit", room, namespace="/a")
    assert len(visitors) <= state(rooms)["sockets"]
    for visitor in visitors.values():
        visitor.close()
    wait_until(lambda: state(rooms)["sockets"] <= before, explain=lambda: str(state(rooms)))
    assert all(sids.isdisjoint(members) for members in state(rooms)["members"].values())


def state(rooms: ServerProcess) -> Any:
    return requests.get(f"{rooms.url}/state", timeout=10).json()
