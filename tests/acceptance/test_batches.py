"""Many tasks submitted together: all or none, with one progress, cancelled together."""

from __future__ import annotations

import pytest
import requests

from api.client import APIClient
from api.errors import APIError
from tests.support.events import wait_for_status
from tests.support.waiting import wait_until

MANY = 1000
NOOP = {"type": "test-noop"}
NEVER = {"type": "test-steps", "params": {"n": 1, "delay": 60}}


@pytest.fixture
def client(server):
    with APIClient(server.url) as client:
        yield client


def ended(client, batch_id, status):
    wait_until(lambda: client.get_batch(batch_id)["status"] == status, 30, lambda: str(client.get_batch(batch_id)))
    return client.get_batch(batch_id)


def test_a_batch_runs_in_its_order_and_has_a_progress_of_its_own(client):
    made = client.submit_batch([NOOP | {"name": f"n{number}"} for number in range(5)], "five")
    batch = ended(client, made["batch_id"], "completed")
    assert (5, 100.0, "five") == (batch["total"], batch["progress_percent"], batch["name"])
    assert {"completed": 5, "pending": 0, "running": 0, "paused": 0, "failed": 0, "cancelled": 0} == batch["counts"]
    tasks = client.list_tasks(batch_id=made["batch_id"])["tasks"]
    assert made["task_ids"] == [task["id"] for task in reversed(tasks)]
    assert [f"n{number}" for number in range(5)] == [task["name"] for task in reversed(tasks)]
    assert {made["batch_id"]} == {task["batch_id"] for task in tasks}


def test_one_wrong_task_keeps_all_of_them_out_and_each_is_named(client):
    before = client.list_tasks()["total"]
    with pytest.raises(APIError) as refused:
        client.submit_batch([NOOP, {"type": "nothing"}, {"type": "test-steps", "params": {"n": -1, "m": 2}}])
    assert 422 == refused.value.status
    places = [flaw["loc"] for flaw in refused.value.problem["errors"]]
    assert [["tasks", 1, "type"], ["tasks", 2, "params", "n"], ["tasks", 2, "params", "m"]] == places
    assert before == client.list_tasks()["total"]


@pytest.mark.parametrize(
    ("tasks", "place", "words"),
    [
        ([], ["tasks"], "at least 1"),
        ([NOOP | {"ref": "a"}, NOOP | {"ref": "a"}], ["tasks", 1, "ref"], "the ref of task 0"),
        ([NOOP | {"depends_on": [7]}], ["tasks", 0, "depends_on"], "no task number 7"),
        ([NOOP | {"depends_on": ["b"]}], ["tasks", 0, "depends_on"], "no task 'b'"),
        ([NOOP | {"depends_on": [0]}], ["tasks", 0, "depends_on"], "0 → 0 depend on each other in a cycle"),
        (
            [NOOP, NOOP | {"ref": "a", "depends_on": ["b"]}, NOOP | {"ref": "b", "depends_on": ["a", 0]}],
            ["tasks", 1, "depends_on"],
            "1 → 2 → 1",
        ),
    ],
)
def test_a_batch_that_could_never_run_is_refused(client, tasks, place, words):
    with pytest.raises(APIError) as refused:
        client.submit_batch(tasks)
    (flaw,) = refused.value.problem["errors"]
    assert (422, place) == (refused.value.status, flaw["loc"])
    assert words in flaw["msg"]


def test_a_thousand_tasks_come_in_one_request_and_are_cancelled_by_one(client):
    busy = client.submit_batch([NEVER, NEVER])
    made = client.submit_batch([NOOP] * MANY)
    assert (MANY, MANY) == (len(made["task_ids"]), len(set(made["task_ids"])))
    assert MANY == client.get_batch(made["batch_id"])["counts"]["pending"]
    client.cancel_batch(made["batch_id"])
    batch = ended(client, made["batch_id"], "cancelled")
    assert (MANY, 100.0) == (batch["counts"]["cancelled"], batch["progress_percent"])
    assert "cancelled" == client.cancel_batch(made["batch_id"])["status"]
    client.cancel_batch(busy["batch_id"])
    ended(client, busy["batch_id"], "cancelled")


def test_the_same_key_and_request_is_the_same_batch(client):
    made = client.submit_batch([NOOP | {"ref": "x"}, NOOP], "twice", idempotency_key="batch-key")
    again = client.submit_batch([NOOP | {"ref": "x"}, NOOP], "twice", idempotency_key="batch-key")
    assert made == again
    for other in ([NOOP], [NOOP, NOOP | {"ref": "x"}]):
        with pytest.raises(APIError) as refused:
            client.submit_batch(other, "twice", idempotency_key="batch-key")
        assert 409 == refused.value.status
    with pytest.raises(APIError) as refused:
        client.create_task(type="test-noop", idempotency_key="batch-key")
    assert 409 == refused.value.status


def test_an_unknown_batch_is_not_found(server, client):
    for answer in (
        requests.get(f"{server.url}/api/batches/nothing", timeout=5),
        requests.post(f"{server.url}/api/batches/nothing/cancel", timeout=5),
    ):
        assert (404, "There is no such batch.") == (answer.status_code, answer.json()["detail"])


def test_deleted_tasks_count_as_done_and_with_the_last_the_batch_goes(server, client):
    made = client.submit_batch([NOOP, NOOP])
    for task_id in made["task_ids"]:
        wait_for_status(server.url, task_id, "completed")
    first, second = (f"{server.url}/api/tasks/{task_id}" for task_id in made["task_ids"])
    assert 204 == requests.delete(first, timeout=5).status_code
    batch = client.get_batch(made["batch_id"])
    assert (2, 1, 100.0) == (batch["total"], batch["counts"]["completed"], batch["progress_percent"])
    assert 204 == requests.delete(second, timeout=5).status_code
    with pytest.raises(APIError):
        client.get_batch(made["batch_id"])
