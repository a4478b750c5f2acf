"""What the server says in the middle of a subscription: start anew, some were skipped, no longer allowed."""

from __future__ import annotations

import pytest

from api.errors import ClientError
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Recorded, feed, numbers


def test_a_reset_that_nobody_asked_for_is_told_and_the_wait_goes_on(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """History was trimmed under a slow reader: the latest state follows, then live, each once."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    feed(server, task, 2)
    wait_until(lambda: seen.seqs.get(task) == [1, 2, 3])
    for _ in range(9):
        server.append(task, "progress", {}, lose=True)
    server.reset(task)
    server.append(task, "log", {})
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert ([1, 2, 3, 1, 12, 13, 14], [task]) == (seen.seqs[task], seen.resets)
    assert 1 == [event for event, _ in server.requests].count("subscribe")


def test_after_a_reset_a_lost_connection_resumes_where_the_new_run_stands(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    server.append(task, "log", {}, lose=True)
    server.reset(task)
    server.append(task, "log", {})
    wait_until(lambda: seen.seqs.get(task) == [1, 1, 3])
    wire.cut()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 1, 3, 4] == seen.seqs[task]
    assert ("subscribe", {"task_id": task, "since": 3, "epoch": "e1"}) in server.requests


def test_announced_holes_are_accepted(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    for _ in range(3):
        server.append(task, "progress", {}, lose=True)
    server.say("lagged", {"task_id": task, "from_seq": 2, "to_seq": 4, "skipped": 3}, task)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 5] == seen.seqs[task]
    assert [3] == [notice["skipped"] for notice in seen.lags]
    assert 1 == [event for event, _ in server.requests].count("subscribe")


def test_several_skipped_stretches_in_a_row_are_accepted_and_no_hole_beside_them(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    for _ in range(5):
        server.append(task, "progress", {}, lose=True)
    for first, last in ((2, 3), (4, 6)):
        server.say("lagged", {"task_id": task, "from_seq": first, "to_seq": last, "skipped": 2}, task)
    server.append(task, "log", {})
    wait_until(lambda: seen.seqs.get(task) == [1, 7])
    server.append(task, "log", {}, lose=True)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert ([1, 7, 8, 9], 2) == (seen.seqs[task], len(seen.lags))


def test_a_connection_that_breaks_within_a_skipped_stretch_resumes_at_the_last_event_that_came(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """What had been announced as skipped is then asked for, since it may be stored after all."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    for _ in range(3):
        server.append(task, "progress", {}, lose=True)
    server.say("lagged", {"task_id": task, "from_seq": 2, "to_seq": 6, "skipped": 4}, task)
    server.append(task, "log", {})
    wait_until(lambda: seen.seqs.get(task) == [1, 5])
    wire.cut()
    wait_until(lambda: server.requests[-1] == ("subscribe", {"task_id": task, "since": 5, "epoch": "e1"}), DEADLINE)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert [1, 5, 6] == seen.seqs[task]


def test_a_withdrawn_permission_ends_the_wait_with_an_error(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task)
    server.say("unsubscribed", {"task_id": task, "reason": "no longer allowed"}, task)
    with pytest.raises(ClientError, match="no longer allowed"):
        client.wait_for_completion(DEADLINE)


def test_after_a_loss_the_list_of_every_task_is_to_be_taken_again(
    server: ScriptedServer, wire: Wire, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """`"*"` replays nothing, so `on_reset` says when a list is no longer whole."""
    client.connect()
    client.subscribe("*")
    assert [] == seen.resets
    wire.cut()
    wait_until(lambda: seen.resets == ["*"], DEADLINE)
    asked = [data for event, data in server.requests if event == "subscribe"]
    assert [{"task_id": "*"}] * 2 == asked


def test_after_events_of_every_task_were_skipped_too(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    client.connect()
    client.subscribe("*")
    server.say("lagged", {"task_id": "*", "from_seq": 0, "to_seq": 0, "skipped": 3}, "*")
    wait_until(lambda: seen.resets == ["*"])
    assert [3] == [notice["skipped"] for notice in seen.lags]


def test_another_answer_for_every_task_says_so_too(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    client.connect()
    client.subscribe("*")
    server.say("subscribed", {"task_id": "*", "epoch": "e1", "last_seq": 0, "task": None}, "*")
    wait_until(lambda: seen.resets == ["*"])


def test_the_end_of_a_task_that_is_only_heard_of_is_no_outcome(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    mine = server.task(RUNNING)
    client.connect()
    client.subscribe("*")
    client.subscribe(mine)
    server.say("task_update", {"task_id": "other", "seq": 9, "event_type": "error", "data": {"error": "boom"}}, "*")
    server.append(mine, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert ({mine: "completed"}, [9]) == (client.statuses, seen.seqs["other"])


def test_what_every_task_tells_early_does_not_tear_a_hole_into_a_task_that_is_being_replayed(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    """The copy that `"*"` brings may be far ahead of a history that is still on its way."""
    task = server.task(RUNNING)
    client.connect()
    client.subscribe("*")
    client.subscribe(task, since=0)
    ahead = {"task_id": task, "seq": 5, "event_type": "status_change", "data": {"status": "completed"}}
    for _ in range(3):
        server.say("task_update", ahead, "*")
    feed(server, task, 3)
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 5) == seen.seqs[task]
    assert 2 == [event for event, _ in server.requests].count("subscribe")
