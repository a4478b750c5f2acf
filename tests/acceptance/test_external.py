"""External tasks: any script reports its own work, everybody watches it, and a cancel reaches the script."""

from __future__ import annotations

import threading

import pytest
import requests

from api.client import APIClient
from api.errors import TaskCancelled
from api.subscriber import sender
from tests.support.events import Listener, history, submit, task, wait_for_status
from tests.support.waiting import wait_until


@pytest.fixture
def client(server):
    with APIClient(server.url) as client:
        yield client


def test_a_script_reports_its_progress_and_its_end(server, client):
    with client.report("my job", total=50) as job, Listener(server.url) as listener:
        listener.subscribe(job.task_id, since=0)
        assert ("running", "my job", "external") == tuple(
            task(server.url, job.task_id)[name] for name in ("status", "name", "type")
        )
        for step in range(1, 51):
            job.progress(step, f"step {step}")
            if step % 10 == 0:
                job.iteration(step, {"loss": 1 / step})
                job.log(f"after {step}")
        job.complete({"best": 0.02})
        listener.wait_for_end(job.task_id)
        assert history(server.url, job.task_id) == listener.updates
    ended = task(server.url, job.task_id)
    assert ("completed", {"best": 0.02}, 100.0) == tuple(
        ended[name] for name in ("status", "result", "progress_percent")
    )
    kinds = [event["event_type"] for event in listener.updates]
    assert (5, 5) == (kinds.count("iteration_complete"), kinds.count("log"))
    assert (
        50 == next(e for e in reversed(listener.updates) if e["event_type"] == "progress")["data"]["current_iteration"]
    )


def test_leaving_the_block_completes_and_an_exception_fails_the_task(server, client):
    with client.report("quiet") as quiet:
        pass
    assert "completed" == task(server.url, quiet.task_id)["status"]
    with pytest.raises(ValueError, match="no luck"), client.report("loud") as loud:
        raise ValueError("no luck")
    failed = history(server.url, loud.task_id)[-1]
    assert ("error", "ValueError: no luck") == (failed["event_type"], failed["data"]["error"])
    assert "Traceback" in failed["data"]["traceback"]


def test_metrics_that_are_no_numbers_arrive_as_null_and_named(server, client):
    with client.report("diverges") as job:
        job.iteration(1, {"loss": float("nan"), "accuracy": 0.5})
    (data,) = [e["data"] for e in history(server.url, job.task_id) if e["event_type"] == "iteration_complete"]
    assert ({"loss": None, "accuracy": 0.5}, {"loss": "nan"}) == (data["metrics"], data["nonfinite"])


def test_a_cancel_reaches_the_script_as_an_exception(server, client):
    job = client.report("endless")
    job.log("first")
    assert "cancelled" == client.cancel(job.task_id)["status"]
    with pytest.raises(TaskCancelled, match="has ended"), job:
        job.log("second")
    assert "cancelled" == task(server.url, job.task_id)["status"]


def test_what_is_reported_while_the_server_is_away_arrives_afterwards_in_order(start_server):
    server = start_server()
    with APIClient(server.url) as client, client.report("patient", total=3) as job:
        server.kill()
        for step in (1, 2, 3):
            job.iteration(step, {"x": step})
        server.start()
    events = history(server.url, job.task_id)
    assert [1, 2, 3] == [e["data"]["iteration"] for e in events if e["event_type"] == "iteration_complete"]
    assert "completed" == task(server.url, job.task_id)["status"]


IMPATIENT = {"RUNCAST_STALLED_SECONDS": "1"}


def stalls(url, task_id):
    """What the history says of stalling, in order."""
    return [e["data"]["stalled"] for e in history(url, task_id) if "stalled" in e["data"]]


def test_a_reporter_that_vanishes_is_stalled_until_it_comes_back_and_a_restart_changes_nothing(start_server):
    server = start_server(env=IMPATIENT)
    task_id = submit(server.url, "external")
    wait_until(lambda: task(server.url, task_id)["stalled"])
    server.kill()
    server.start()
    assert ("running", True) == tuple(task(server.url, task_id)[name] for name in ("status", "stalled"))
    line = [{"event_type": "log", "data": {"message": "here I am"}}]
    answer = requests.post(f"{server.url}/api/tasks/{task_id}/events", json=line, timeout=10)
    assert ([4], False) == (answer.json()["seqs"], task(server.url, task_id)["stalled"])
    assert [True, False] == stalls(server.url, task_id)


def test_a_reporter_that_never_comes_back_fails_its_task(start_server):
    server = start_server(env=IMPATIENT | {"RUNCAST_LOST_SECONDS": "2"})
    ended = wait_for_status(server.url, submit(server.url, "external"), "failed")
    assert ended["error"].startswith("its reporter has not been heard of for ")


def test_a_script_that_computes_in_silence_is_not_stalled_and_hears_of_a_cancel(start_server, monkeypatch):
    monkeypatch.setattr(sender, "HEARTBEAT_SECONDS", 0.3)
    server = start_server(env=IMPATIENT)
    cancelled = threading.Event()
    with APIClient(server.url) as client:
        job = client.report("silent", on_cancel=cancelled.set)
        forgotten = submit(server.url, "external")
        wait_until(lambda: task(server.url, forgotten)["stalled"])
        assert (False, 1) == tuple(task(server.url, job.task_id)[name] for name in ("stalled", "last_seq"))
        client.cancel(job.task_id)
        assert cancelled.wait(5)
    with pytest.raises(TaskCancelled):
        job.checkpoint()


def test_a_heartbeat_over_the_socket_and_one_too_late(server, client):
    task_id = submit(server.url, "external")
    with Listener(server.url) as listener:
        answer = listener.call("heartbeat", {"task_id": task_id})
        assert (True, "running") == (answer["ok"], answer["status"])
        client.cancel(task_id)
        assert "conflict" == listener.call("heartbeat", {"task_id": task_id})["code"]
    assert 409 == requests.post(f"{server.url}/api/tasks/{task_id}/heartbeat", timeout=10).status_code


def test_nothing_is_lost_or_told_twice_when_the_server_is_killed_amid_reports(start_server):
    server = start_server()
    with APIClient(server.url) as client, client.report("busy", total=900) as job:
        for step in range(900):
            job.iteration(step, {"x": step})
            if step == 450:
                server.kill()
                server.start()
    events = history(server.url, job.task_id)
    assert list(range(900)) == [e["data"]["iteration"] for e in events if e["event_type"] == "iteration_complete"]
    assert "completed" == task(server.url, job.task_id)["status"]


def test_the_socket_reports_too(server):
    task_id = submit(server.url, "external", {"machine": "b7"})
    with Listener(server.url) as listener:
        answer = listener.call(
            "report",
            {"task_id": task_id, "event_type": "progress", "data": {"current_iteration": 1, "max_iterations": 4}},
        )
        assert (True, 2) == (answer["ok"], answer["seq"])
        wrong = listener.call(
            "report", {"task_id": task_id, "event_type": "progress", "data": {"current_iteration": "x"}}
        )
        assert (False, "invalid") == (wrong["ok"], wrong["code"])
        listener.call(
            "report",
            {"task_id": task_id, "event_type": "status_change", "data": {"status": "completed", "result": {"a": 1}}},
        )
    assert {"a": 1} == wait_for_status(server.url, task_id, "completed")["result"]


@pytest.mark.parametrize(
    ("body", "status", "loc"),
    [
        (
            [
                {"event_type": "log", "data": {"message": "fine"}},
                {"event_type": "progress", "data": {"current_iteration": -1}},
            ],
            422,
            1,
        ),
        ([{"event_type": "explosion", "data": {}}], 422, 0),
        ([], 422, None),
        ({"event_type": "log"}, 422, None),
    ],
)
def test_a_wrong_report_is_refused_whole_and_named(server, body, status, loc):
    task_id = submit(server.url, "external")
    answer = requests.post(f"{server.url}/api/tasks/{task_id}/events", json=body, timeout=10)
    assert status == answer.status_code
    assert loc is None or loc == answer.json()["errors"][0]["loc"][0]
    assert 1 == task(server.url, task_id)["last_seq"]


def test_a_task_of_ours_takes_no_reports_and_an_external_one_no_pause_and_no_retry(server):
    ours = submit(server.url, "test-noop")
    wait_for_status(server.url, ours, "completed")
    line = [{"event_type": "log", "data": {"message": "x"}}]
    assert 409 == requests.post(f"{server.url}/api/tasks/{ours}/events", json=line, timeout=10).status_code
    theirs = submit(server.url, "external")
    assert 409 == requests.post(f"{server.url}/api/tasks/{theirs}/pause", timeout=10).status_code
    assert 202 == requests.post(f"{server.url}/api/tasks/{theirs}/cancel", timeout=10).status_code
    assert 409 == requests.post(f"{server.url}/api/tasks/{theirs}/retry", timeout=10).status_code


def test_a_retry_may_start_from_the_checkpoint_of_the_failed_task(server, client):
    failed = submit(server.url, "test-counter", {"upto": 10, "fail_at": 5})
    wait_for_status(server.url, failed, "failed")
    again = client.retry(failed, from_checkpoint=True)["task_id"]
    fresh = client.retry(failed)["task_id"]
    from_checkpoint = wait_for_status(server.url, again, "completed", "failed")
    assert "completed" == from_checkpoint["status"], from_checkpoint
    assert "failed" == wait_for_status(server.url, fresh, "completed", "failed")["status"]
    refused = requests.post(f"{server.url}/api/tasks/{again}/retry", json={"from_checkpoint": True}, timeout=10)
    assert (409, "the task has left no checkpoint: retry it without from_checkpoint") == (
        refused.status_code,
        refused.json()["detail"],
    )
