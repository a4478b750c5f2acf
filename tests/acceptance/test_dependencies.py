"""Tasks that wait for others: chains, fans, results as params, parents that fail, and a server that dies in between."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import requests

from api.client import APIClient
from api.errors import APIError
from api.services.dependants import STEPS
from tests.support.events import history, wait_for_status
from tests.support.waiting import wait_until

MANY = 1000
NOOP = {"type": "test-noop"}
FIRST = {"type": "test-steps", "params": {"n": 2}, "ref": "first"}


@pytest.fixture
def client(server):
    with APIClient(server.url) as client:
        yield client


def parent(client):
    """A task that ends when the test says so."""
    return client.create_task(type="external", name="parent")["task_id"]


def end(client, task_id, status, result=None):
    data = {"status": status} if result is None else {"status": status, "result": result}
    event = {"event_type": "status_change", "data": data}
    if status == "failed":
        event = {"event_type": "error", "data": {"error": "it broke", "status": "failed"}}
    client.append_events(task_id, [event])


def test_a_chain_runs_in_its_order_and_a_result_becomes_a_param(server, client):
    made = client.submit_batch(
        [
            {"type": "test-steps", "params": {"n": {"$result": "first", "path": "steps"}}, "ref": "last"},
            FIRST,
            NOOP | {"depends_on": [0, "first"]},
        ]
    )
    last, first, end_ = (wait_for_status(server.url, task_id, "completed") for task_id in made["task_ids"])
    assert first["completed_at"] <= last["started_at"] <= last["completed_at"] <= end_["started_at"]
    assert (2, {"steps": 2}) == (last["params"]["n"], {"steps": last["result"]["steps"]})
    assert ([first["id"]], []) == (last["depends_on"], last["waiting_on"])
    assert {"first": first["id"], "last": last["id"]} == made["refs"]
    states = [event["data"] for event in history(server.url, last["id"]) if event["event_type"] == "status_change"]
    assert [
        ("waiting for one task that it depends on", [first["id"]]),
        ("what it depends on has completed: waiting for a free worker", []),
    ] == [(state["message"], state["waiting_on"]) for state in states[:2]]


def test_a_task_waits_for_all_of_its_parents(server, client):
    one, two = parent(client), parent(client)
    child = client.create_task(type="test-noop", depends_on=[one, two])["task_id"]
    assert [one, two] == client.get_task(child)["waiting_on"]
    end(client, one, "completed")
    assert ([two], "pending") == (client.get_task(child)["waiting_on"], client.get_task(child)["status"])
    assert [[one, two], [two]] == [event["data"]["waiting_on"] for event in history(server.url, child)]
    end(client, two, "completed")
    wait_for_status(server.url, child, "completed")
    late = client.create_task(type="test-noop", depends_on=[one])["task_id"]
    wait_for_status(server.url, late, "completed")


def test_what_depends_on_a_failed_task_is_cancelled_with_the_reason_down_the_chain(server, client):
    above = parent(client)
    made = client.submit_batch([NOOP | {"depends_on": [above]}, NOOP | {"depends_on": [0]}])
    end(client, above, "failed")
    child, grandchild = (wait_for_status(server.url, task_id, "cancelled") for task_id in made["task_ids"])
    assert child["message"] == f"the task 'parent' ({above}), which this one depends on, has failed"
    assert grandchild["message"] == f"the task {child['id']}, which this one depends on, was cancelled"
    assert (None, [above]) == (child["started_at"], child["waiting_on"])
    with pytest.raises(APIError, match="failed: depend on its retry"):
        client.create_task(type="test-noop", depends_on=[above])
    with pytest.raises(APIError, match="failed: depend on its retry"):
        client.retry(child["id"])


def test_a_child_that_may_wait_is_taken_over_by_the_retry_of_its_parent(server, client):
    failing = client.create_task(type="test-exit")["task_id"]
    options = {"depends_on": [failing], "on_parent_failure": "wait"}
    params = {"note": {"$result": failing, "path": "x"}}
    child = client.create_task(type="test-noop", **options)["task_id"]
    other = client.create_task(type="test-steps", params={"label": params["note"]}, **options)["task_id"]
    wait_for_status(server.url, failing, "failed")
    wait_until(lambda: "waiting for its retry" in client.get_task(child)["message"])
    retry = client.retry(failing)["task_id"]
    for waiting in (child, other):
        wait_until(lambda waiting=waiting: [retry] == client.get_task(waiting)["depends_on"])
    assert {"$result": retry, "path": "x"} == client.get_task(other)["params"]["label"]
    wait_for_status(server.url, retry, "failed")
    assert ("pending", [retry]) == (client.get_task(child)["status"], client.get_task(child)["waiting_on"])
    for waiting in (child, other):
        assert "cancelled" == client.cancel(waiting)["status"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"n": {"$result": "PARENT", "path": "a.0.b"}}, "has no 'a.0.b'"),
        ({"n": {"$result": "PARENT", "path": ["a", 1]}}, "has no 'a.1'"),
        ({"n": {"$result": "PARENT", "path": "text"}}, "params.n: Input should be a valid integer"),
        ({"n": {"$result": "PARENT"}}, "params.n: Input should be a valid integer"),
    ],
)
def test_a_result_that_does_not_fit_fails_the_child_with_a_sentence(server, client, params, words):
    above = parent(client)
    params["n"]["$result"] = above
    child = client.create_task(type="test-steps", params=params)["task_id"]
    assert [above] == client.get_task(child)["depends_on"]
    end(client, above, "completed", {"a": [{"c": 1}], "text": "x"})
    assert words in wait_for_status(server.url, child, "failed")["error"]


def test_a_result_of_a_parent_that_has_ended_already_is_taken(server, client):
    above = parent(client)
    end(client, above, "completed", {"a": [{"b": 3}]})
    params = {"n": {"$result": above, "path": "a.0.b"}}
    child = client.create_task(type="test-steps", params=params)["task_id"]
    assert 3 == wait_for_status(server.url, child, "completed")["params"]["n"]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"type": "test-noop", "depends_on": ["nothing"]}, ["depends_on"]),
        ({"type": "test-steps", "params": {"n": {"$result": "nothing"}}}, ["depends_on"]),
        ({"type": "test-steps", "params": {"n": {"$result": True}}}, ["params", "n", "$result"]),
        ({"type": "test-steps", "params": {"n": {"$result": "x", "key": 1}}}, ["params", "n"]),
        ({"type": "test-steps", "params": {"n": {"$result": "x", "path": 1}}}, ["params", "n", "path"]),
        ({"type": "test-steps", "params": {"$result": "x"}}, ["params"]),
        ({"type": "test-steps", "params": {"m": {"$result": "x"}}}, ["params", "m"]),
        ({"type": "test-steps", "params": {"n": {"$result": "x"}, "delay": -1}}, ["params", "delay"]),
        ({"type": "external", "depends_on": ["nothing"]}, ["depends_on"]),
    ],
)
def test_what_can_be_seen_to_be_wrong_is_refused_at_once(server, body, place):
    answer = requests.post(f"{server.url}/api/tasks", json=body, timeout=5)
    assert 422 == answer.status_code
    assert place in [flaw["loc"] for flaw in answer.json()["errors"]]


def test_a_task_that_others_wait_for_is_not_deleted(server, client):
    above = parent(client)
    child = client.create_task(type="test-noop", depends_on=[above], on_parent_failure="wait")["task_id"]
    end(client, above, "failed")
    answer = requests.delete(f"{server.url}/api/tasks/{above}", timeout=5)
    assert (409, True) == (answer.status_code, child in answer.json()["detail"])
    client.cancel(child)
    assert 204 == requests.delete(f"{server.url}/api/tasks/{above}", timeout=5).status_code


def test_a_fan_and_a_chain_of_a_thousand_end_with_their_parent(server, client):
    above = parent(client)
    fan = client.submit_batch([NOOP | {"depends_on": [above]}] * MANY)
    chain = client.submit_batch(
        [NOOP | {"depends_on": [above] if number == 0 else [number - 1]} for number in range(MANY)]
    )
    end(client, above, "cancelled")
    for batch_id in (fan["batch_id"], chain["batch_id"]):
        wait_until(lambda batch_id=batch_id: client.get_batch(batch_id)["counts"]["cancelled"] == MANY, 30)


def test_a_fan_that_was_being_released_goes_on_after_a_crash(start_server):
    """The parent's end and what it leaves to be done are one commit; the kill comes right after its answer."""
    server = start_server()
    with APIClient(server.url) as client:
        above = parent(client)
        made = client.submit_batch([NOOP | {"depends_on": [above]}] * MANY)
        end(client, above, "failed")
        server.kill()
        assert STEPS <= cancelled(server) < MANY
        server.start()
        wait_until(lambda: client.get_batch(made["batch_id"])["counts"]["cancelled"] == MANY, 30)


def cancelled(server):
    with closing(sqlite3.connect(server.data_dir / "runcast.db")) as journal:
        return journal.execute("SELECT count(*) FROM tasks WHERE status = 'cancelled'").fetchone()[0]
