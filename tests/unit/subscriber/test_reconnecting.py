"""After a lost connection each task is followed on from its place, or it is told why it cannot be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.errors import APIError
from api.subscriber import link, task_client
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Recorded, feed, numbers


def test_cut_connections_neither_lose_nor_repeat_an_event(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    for round_number in range(1, 4):
        feed(server, task, 40)
        wire.cut()
        feed(server, task, 40)
        wait_until(lambda n=round_number: seen.times("live") == n + 1, DEADLINE)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 242) == seen.seqs[task]
    assert [] == seen.resets


def test_a_resumed_subscription_names_its_place(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task)
    feed(server, task, 3)
    wait_until(lambda: seen.seqs.get(task) == [1, 2, 3, 4])
    wire.cut()
    wait_until(lambda: server.requests[-1] == ("subscribe", {"task_id": task, "since": 4, "epoch": "e1"}), DEADLINE)


def test_a_server_that_is_away_for_a_while_does_not_end_the_wait(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.wait_for_completion, DEADLINE)
        wire.down()
        server.append(task, *COMPLETED)
        wait_until(lambda: ("reconnecting", "connection refused") in [(s, d.split(",")[0]) for s, d in seen.states])
        assert (False, False) == (client.connected, waiting.done())
        wire.up()
        assert "completed" == waiting.result()
    assert [1, 2] == seen.seqs[task]


def test_a_refusal_while_reconnecting_is_waited_out(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    server.refuse_connections = 1
    wire.cut()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2] == seen.seqs[task]


def test_being_disconnected_by_the_server_is_a_lost_connection_like_any_other(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """A server that shuts down says goodbye first; python-socketio's own client stays away then."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    server.kick()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2] == seen.seqs[task]


def test_history_that_the_server_lost_is_told_and_the_wait_goes_on(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """A journal restored from a backup has another epoch and fewer events."""
    task = server.task(RUNNING, *[("progress", {"n": n}) for n in range(9)])
    client.connect()
    client.subscribe(task, since=0)
    wait_until(lambda: seen.seqs.get(task) == numbers(1, 10))
    server.epoch = "e2"
    del server.events[task][3:]
    wire.cut()
    wait_until(lambda: seen.resets == [task], DEADLINE)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [*numbers(1, 10), 1, 3, 4] == seen.seqs[task]


def test_a_task_that_was_deleted_meanwhile_ends_the_wait_with_an_error(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task)
    del server.events[task]
    wire.cut()
    with pytest.raises(APIError, match="no such task"):
        client.wait_for_completion(DEADLINE)
    wait_until(lambda: len(seen.refusals) == 1)


def test_a_server_that_refuses_what_it_had_accepted_is_tried_again(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """Its database may not be back yet: that is no reason to give a task up."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    server.refusals["subscribe"] = {"ok": False, "code": "unavailable", "message": "the journal is down"}
    wire.cut()
    wait_until(lambda: [event for event, _ in server.requests].count("subscribe") >= 2, DEADLINE)
    server.refusals.clear()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2] == seen.seqs[task]


def test_a_connection_on_which_the_server_no_longer_answers_is_given_up_for_a_new_one(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_client, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(link, "WATCH_SECONDS", 0.2)
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0, timeout=DEADLINE)
    server.silent.add("subscribe")
    wire.cut()
    wait_until(lambda: [event for event, _ in server.requests].count("subscribe") >= 2, DEADLINE)
    server.silent.clear()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 2] == seen.seqs[task]
