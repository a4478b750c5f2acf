"""The `/tasks` namespace against a real server: rooms, replay, filters, clear errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.events import Listener, history, seqs, submit, task, wait_for_status
from tests.support.raw import RawPolling, RawWebSocket
from tests.support.waiting import wait_until

STEPS = {"n": 30, "delay": 0.01}
TRANSPORTS = (["websocket"], ["polling"], ["polling", "websocket"])
"""The last one upgrades, in the middle of what it is sent."""


def test_two_tasks_run_at_once_and_nobody_sees_the_others_events(server):
    """Each subscriber gets all of its task, from 1 on without a hole, and nothing else."""
    with Listener(server.url) as one, Listener(server.url, ["polling"]) as two:
        first = submit(server.url, "test-steps", STEPS)
        second = submit(server.url, "test-steps", STEPS)
        one.subscribe(first, since=0)
        two.subscribe(second, since=0)
        assert one.wait_for_end(first)["data"]["status"] == "completed"
        assert two.wait_for_end(second)["data"]["status"] == "completed"
        assert history(server.url, first) == one.updates
        assert history(server.url, second) == two.updates
        assert list(range(1, len(one.updates) + 1)) == seqs(one.updates)
        overlap = task(server.url, first)["started_at"] < task(server.url, second)["completed_at"]
        assert overlap
        assert task(server.url, second)["started_at"] < task(server.url, first)["completed_at"]


def test_joining_at_any_moment_of_a_fast_task_leaves_no_seam(server):
    """Subscribers that come while events fly: what each got is one unbroken run to the end."""
    task_id = submit(server.url, "test-steps", {"n": 400, "delay": 0.002})
    wait_until(lambda: task(server.url, task_id)["last_seq"] > 24)

    def follow(number: int) -> list[int]:
        transports = TRANSPORTS[number % 3]
        with Listener(server.url, transports) as listener:
            listener.subscribe(task_id, since=number)
            listener.wait_for_end(task_id)
            return seqs(listener.updates)

    with ThreadPoolExecutor(12) as pool:
        runs = list(pool.map(follow, range(24)))
    last = task(server.url, task_id)["last_seq"]
    assert [list(range(number + 1, last + 1)) for number in range(24)] == runs


def test_a_long_history_is_replayed_whole_to_a_client_that_takes_its_time(server):
    """A page at a time, as the client drains: nobody is dropped for reading slowly."""
    task_id = submit(server.url, "test-steps", {"n": 3000})
    last = wait_for_status(server.url, task_id, "completed", timeout=120)["last_seq"]
    assert last > 9000
    with Listener(server.url) as listener, Listener(server.url, ["polling"]) as polling:
        for each in (listener, polling):
            each.subscribe(task_id, since=0)
        for each in (listener, polling):
            each.wait_for_end(task_id)
            assert list(range(1, last + 1)) == seqs(each.updates)


def test_without_since_a_newcomer_gets_the_present_state_and_then_live(server):
    with Listener(server.url) as listener:
        task_id = submit(server.url, "test-steps", {"n": 40, "delay": 0.02})
        wait_until(lambda: task(server.url, task_id)["current_iteration"] >= 3)
        answer = listener.subscribe(task_id)
        listener.wait_for_end(task_id)
    assert answer["ok"]
    assert "recovered" not in answer
    stored = [update for update in listener.updates if update["seq"] <= answer["last_seq"]]
    assert ["progress", "status_change"] == sorted(update["event_type"] for update in stored)
    assert seqs(stored) == sorted(seqs(stored))
    live = seqs(listener.updates)[len(stored) :]
    assert list(range(answer["last_seq"] + 1, live[-1] + 1)) == live


def test_who_subscribes_after_the_end_learns_the_end(server):
    completed = submit(server.url, "test-steps", {"n": 2})
    failed = submit(server.url, "test-raise", {"kind": "ValueError"})
    wait_for_status(server.url, completed, "completed")
    wait_for_status(server.url, failed, "failed")
    with Listener(server.url) as listener:
        listener.subscribe(completed)
        listener.subscribe(failed)
        assert listener.wait_for_end(completed)["data"]["status"] == "completed"
        assert "ValueError" in listener.wait_for_end(failed)["data"]["error"]


def test_since_beyond_the_history_or_of_another_journal_is_told(server):
    task_id = submit(server.url, "test-steps", {"n": 2})
    last = wait_for_status(server.url, task_id, "completed")["last_seq"]
    with Listener(server.url) as listener:
        assert listener.subscribe(task_id, since=last)["recovered"] is True
        assert listener.subscribe(task_id, since=last + 1)["recovered"] is False
        assert listener.subscribe(task_id, since=1, epoch="another")["recovered"] is False
        epoch = listener.named("connected")[0]["epoch"]
        assert listener.subscribe(task_id, since=1, epoch=epoch)["recovered"] is True


def test_a_filter_lets_through_what_it_names_and_the_end(server):
    with Listener(server.url) as listener:
        task_id = submit(server.url, "test-steps", STEPS)
        listener.subscribe(task_id, since=0, events=["iteration_complete"])
        listener.wait_for_end(task_id)
    kinds = [update["event_type"] for update in listener.updates]
    assert ["iteration_complete"] * 30 + ["status_change"] == kinds
    assert seqs(listener.updates) == sorted(set(seqs(listener.updates)))


def test_after_unsubscribe_nothing_more_arrives(server):
    with Listener(server.url) as listener:
        task_id = submit(server.url, "test-steps", {"n": 100, "delay": 0.02})
        listener.subscribe(task_id)
        wait_until(lambda: len(listener.updates) > 5)
        assert listener.call("unsubscribe", {"task_id": task_id}) == {"ok": True, "task_id": task_id}
        heard = len(listener.updates)
        wait_until(lambda: task(server.url, task_id)["current_iteration"] > 20)
        listener.call("unsubscribe", {"task_id": task_id})  # a round trip after later events were pushed
        assert heard == len(listener.updates)
        listener.call("control", {"task_id": task_id, "action": "cancel"})
    wait_for_status(server.url, task_id, "cancelled")


@pytest.mark.parametrize("transport", [RawWebSocket, RawPolling])
def test_what_one_connection_asks_for_is_done_in_its_order(server, transport):
    """Subscribe and unsubscribe without waiting for answers: whoever is last has its way."""
    task_id = submit(server.url, "test-steps", {"n": 1000, "delay": 0.005})
    with transport(server.port) as connection:
        for _ in range(30):
            connection.emit("subscribe", {"task_id": task_id})
            connection.emit("unsubscribe", {"task_id": task_id})
        answers = []
        while len(answers) < 60:
            name, _data = connection.next()
            answers += [name] if name != "task_update" else []
        assert ["subscribed", "unsubscribed"] * 30 == answers
        connection.emit("unsubscribe", {"task_id": task_id})
        assert [] == connection.until("unsubscribed")[0]
    requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10)


def test_two_subscriptions_of_one_connection_to_one_task_are_one(server):
    task_id = submit(server.url, "test-steps", {"n": 20, "delay": 0.02})
    with Listener(server.url) as listener:
        for _ in range(3):
            listener.subscribe(task_id)
        listener.wait_for_end(task_id)
    final = task(server.url, task_id)["last_seq"]
    assert 1 == seqs(listener.updates).count(final)


@pytest.mark.parametrize(
    ("event", "data", "code"),
    [
        ("subscribe", {"task_id": "00000000-0000-0000-0000-000000000000"}, "not_found"),
        ("subscribe", {"task_id": "x" * 10_000}, "invalid"),
        ("subscribe", {}, "invalid"),
        ("subscribe", "task", "invalid"),
        ("subscribe", {"task_id": "a", "since": -1}, "invalid"),
        ("subscribe", {"task_id": "a", "since": True}, "invalid"),
        ("subscribe", {"task_id": "a", "events": ["explosion"]}, "invalid"),
        ("unsubscribe", None, "invalid"),
        ("control", {"task_id": "a", "action": "explode"}, "invalid"),
        ("control", {"task_id": "a", "action": "cancel"}, "not_found"),
        ("make_tea", {"sugar": 2}, "unknown_event"),
    ],
)
def test_what_cannot_be_done_is_said_by_event_and_by_acknowledgement(server, event, data, code):
    with Listener(server.url) as listener:
        answer = listener.call(event, data)
        assert (False, code) == (answer["ok"], answer["code"])
        wait_until(lambda: listener.named("error"))
        assert code == listener.named("error")[0]["code"]
        assert answer["message"] == listener.named("error")[0]["message"]
