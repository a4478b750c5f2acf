"""Following tasks on a scripted server: what is told of them, from where on, and in which order."""

from __future__ import annotations

import logging

import pytest

from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import wait_until
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Recorded, feed, numbers


def test_it_follows_a_task_from_the_start_to_its_end(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING, ("log", {"message": "a"}))
    client.connect()
    assert "websocket" == client.sio.transport()
    answer = client.subscribe(task, since=0)
    assert (task, 2, True) == (answer["task_id"], answer["last_seq"], answer["recovered"])
    feed(server, task, 50)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert {task: numbers(1, 53)} == seen.seqs


def test_without_since_it_gets_the_latest_state_then_what_follows(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING, *[("progress", {"n": n}) for n in range(4)], ("log", {"message": "a"}))
    client.connect()
    client.subscribe(task)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 5, 7] == seen.seqs[task]


def test_an_ended_task_tells_its_end_to_a_late_subscriber(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    task = server.task(RUNNING, ("error", {"status": "failed", "error": "boom"}))
    client.connect()
    client.subscribe(task)
    assert "failed" == client.wait_for_completion(DEADLINE)


def test_a_subscriber_that_begins_at_the_end_still_learns_it(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING, ("progress", {"n": 1}), COMPLETED)
    client.connect()
    client.subscribe(task, since=3)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [3] == seen.seqs[task]


def test_two_tasks_are_followed_side_by_side(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    one, two, other = server.task(RUNNING), server.task(RUNNING), server.task(RUNNING)
    client.connect()
    client.subscribe(one, since=0)
    client.subscribe(two, since=0)
    for _ in range(20):
        for task in (one, two, other):
            server.append(task, "log", {"message": "x"})
    server.append(one, *COMPLETED)
    server.append(two, "error", {"error": "boom"})
    assert "failed" == client.wait_for_completion(DEADLINE)
    assert {one: numbers(1, 22), two: numbers(1, 22)} == seen.seqs
    assert {one: "completed", two: "failed"} == client.statuses


def test_nothing_is_told_of_a_task_after_unsubscribe(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    dropped, kept = server.task(RUNNING), server.task(RUNNING)
    client.connect()
    client.subscribe(dropped, since=0)
    client.subscribe(kept, since=0)
    wait_until(lambda: dropped in seen.seqs)
    client.unsubscribe(dropped)
    server.append(dropped, *COMPLETED)
    server.append(kept, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1] == seen.seqs[dropped]


def test_lost_events_are_asked_for(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    with caplog.at_level(logging.WARNING, logger="runcast.client"):
        server.append(task, "log", {"message": "lost"}, lose=True)
        server.append(task, "log", {"message": "arrives"})
        server.append(task, *COMPLETED)
        assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 4) == seen.seqs[task]
    assert "missing" in caplog.text


def test_subscribing_again_starts_anew(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    task = server.task(RUNNING, *[("log", {"n": n}) for n in range(4)])
    client.connect()
    client.subscribe(task)
    client.subscribe(task, since=0)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 6) == seen.seqs[task][-6:]
    assert [] == seen.resets


def test_every_task_can_be_followed_at_once(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    client.connect()
    client.subscribe("*")
    for number in (7, 9, 12):
        server.say("task_update", {"task_id": "a", "seq": number, "event_type": "progress", "data": {}}, "*")
    wait_until(lambda: seen.seqs.get("a") == [7, 9, 12])


def test_events_keep_their_order_under_load(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """As it comes, python-socketio handles each message on a thread of its own and they overtake each other."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    feed(server, task, 3000)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 3002) == seen.seqs[task]
    assert 1 == [event for event, _ in server.requests].count("subscribe")


def test_polling_serves_where_websocket_does_not(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    server.sio.eio.allow_upgrades = False
    task = server.task(RUNNING)
    client.connect()
    assert "polling" == client.sio.transport()
    client.subscribe(task, since=0)
    for count in range(2, 22):
        server.append(task, "log", {"message": "x"})
        wait_until(lambda count=count: len(seen.seqs.get(task, ())) == count)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 22) == seen.seqs[task]
