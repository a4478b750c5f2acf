"""The WebSocket client against a scripted server and a network that fails on command."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.errors import APIError, ClientError, ConnectionLost
from api.subscriber import link, task_client
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.servers import free_port
from tests.support.waiting import client_threads, wait_until
from tests.support.wire import Wire
from tests.unit.subscriber.recorded import COMPLETED, DEADLINE, RUNNING, Json, Recorded, feed, numbers


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


def test_an_unknown_task_is_an_error_of_subscribe(client: TaskWebSocketClient) -> None:
    client.connect()
    with pytest.raises(APIError, match="no such task") as caught:
        client.subscribe("nowhere")
    assert (404, "not_found") == (caught.value.status, caught.value.problem["code"])
    with pytest.raises(TimeoutError):
        client.wait_for_completion(timeout=0)


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


def test_control_returns_the_servers_answer(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    task = server.task(RUNNING)
    client.connect()
    answer = client.control(task, "pause")
    assert ("pause", "running") == (answer["action"], answer["status"])
    assert ("control", {"task_id": task, "action": "pause"}) == server.requests[-1]


def test_a_refused_control_is_an_error(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.refusals["control"] = {"ok": False, "code": "conflict", "message": "a completed task cannot be paused"}
    client.connect()
    with pytest.raises(APIError, match="cannot be paused") as caught:
        client.control(server.task(COMPLETED), "pause")
    assert 409 == caught.value.status


def test_a_control_without_an_answer_does_not_pretend(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.silent.add("control")
    client.connect()
    with pytest.raises(ConnectionLost, match="did not answer"):
        client.control(server.task(RUNNING), "cancel", timeout=0.3)


def test_a_subscribe_without_an_answer_does_not_pretend(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    server.silent.add("subscribe")
    client.connect()
    with pytest.raises(ConnectionLost, match="did not answer"):
        client.subscribe(server.task(RUNNING), timeout=0.3)


def test_the_token_is_sent_with_the_connection(server: ScriptedServer) -> None:
    client = TaskWebSocketClient(server.url, token="secret")
    client.connect()
    client.disconnect()
    assert [("connect", {"token": "secret"})] == server.requests


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


def test_a_server_that_comes_up_late_is_waited_for(server: ScriptedServer, wire: Wire) -> None:
    wire.down()
    client = TaskWebSocketClient(wire.url)
    failed = threading.Event()
    client.on_connection_change = lambda state, detail: failed.set()
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect, DEADLINE)
        assert failed.wait(DEADLINE)
        wire.up()
        connecting.result()
    assert client.connected
    client.disconnect()


def test_a_server_that_never_comes_up_is_told_in_one_line_with_advice() -> None:
    client = TaskWebSocketClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionLost) as caught:
        client.connect(timeout=0.2)
    assert "connection refused" in caught.value.message
    assert "runcast serve" in caught.value.message
    assert "\n" not in caught.value.message
    assert not client.connected


def test_a_connection_that_is_refused_at_first_is_tried_again(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    server.refuse_connections = 2
    client.connect(DEADLINE)
    wait_until(lambda: ["reconnecting", "reconnecting", "live"] == [state for state, _ in seen.states])
    assert seen.states[0][1].startswith("refused: not ready yet, next try in ")


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


def test_a_server_that_dies_in_mid_handshake_does_not_stop_the_client(
    server: ScriptedServer, client: TaskWebSocketClient, wire: Wire
) -> None:
    """It accepts, reads the request and hangs up, a few times over."""
    wire.down()
    port = int(wire.url.rsplit(":", 1)[1])
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(client.connect, DEADLINE)
        with socket.create_server(("127.0.0.1", port)) as dying:
            for _ in range(2):
                near, _ = dying.accept()
                near.recv(1)
                near.close()
        wire.up()
        connecting.result()
    assert client.connected


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


def test_a_withdrawn_permission_ends_the_wait_with_an_error(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task)
    server.say("unsubscribed", {"task_id": task, "reason": "no longer allowed"}, task)
    with pytest.raises(ClientError, match="no longer allowed"):
        client.wait_for_completion(DEADLINE)


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


def test_a_callback_may_subscribe_and_control(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    """Both wait for the server's answer, on the thread that callbacks run on."""
    first, second = server.task(RUNNING), server.task(RUNNING)
    done: list[Any] = []

    def on_log(task_id: str, data: Json) -> None:
        done.append(client.subscribe(second)["task_id"])
        done.append(client.control(second, "pause")["action"])

    client.on_log = on_log
    client.connect()
    client.subscribe(first)
    server.append(first, "log", {"message": "go"})
    wait_until(lambda: done == [second, "pause"], DEADLINE)


def test_waiting_inside_a_callback_is_refused(
    server: ScriptedServer, client: TaskWebSocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    task = server.task(RUNNING)
    client.on_log = lambda task_id, data: client.wait_for_completion()
    client.connect()
    client.subscribe(task)
    server.append(task, "log", {"message": "go"})
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert "inside a callback" in caplog.text


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


def test_many_threads_may_subscribe_at_once(
    server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded
) -> None:
    tasks = [server.task(RUNNING, COMPLETED) for _ in range(40)]
    client.connect()
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(client.subscribe, tasks))
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert set(tasks) == set(client.statuses)


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


@pytest.mark.parametrize("address", ["localhost:5000", "ws://localhost:5000", ""])
def test_a_wrong_address_is_told_at_once(address: str) -> None:
    with pytest.raises(ConnectionLost, match="is no address"):
        TaskWebSocketClient(address).connect(timeout=None)


@pytest.mark.parametrize("call", ["subscribe", "unsubscribe"])
def test_calls_before_connect_say_so(call: str) -> None:
    with pytest.raises(ClientError, match="connect"):
        getattr(TaskWebSocketClient(), call)("task")


def test_disconnect_ends_every_thread_and_may_be_repeated(server: ScriptedServer, client: TaskWebSocketClient) -> None:
    client.connect()
    client.subscribe(server.task(RUNNING))
    client.disconnect()
    client.disconnect()
    wait_until(lambda: not client_threads())
    assert not client.connected


def test_disconnect_while_it_still_tries_to_connect_leaves_nothing_behind(server: ScriptedServer) -> None:
    server.refuse_connections = 1000
    for _ in range(20):
        client = TaskWebSocketClient(server.url)
        with pytest.raises(ConnectionLost, match="cannot reach"):
            client.connect(timeout=0.01)
        client.disconnect()
    wait_until(lambda: not client_threads())


def test_connect_after_disconnect_resumes(server: ScriptedServer, client: TaskWebSocketClient, seen: Recorded) -> None:
    task = server.task(RUNNING)
    client.connect()
    client.subscribe(task, since=0)
    wait_until(lambda: seen.seqs.get(task) == [1])
    client.disconnect()
    client.disconnect()
    feed(server, task, 5)
    client.connect()
    server.append(task, *COMPLETED)
    assert "completed" == client.wait_for_completion(DEADLINE)
    assert numbers(1, 7) == seen.seqs[task]
