"""Pause, resume, cancel, retry, over REST and over the socket, on real child processes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import requests

from api.domain.event import rfc3339
from tests.support.events import Listener, history, submit, task, wait_for_status
from tests.support.waiting import wait_until


def post(server, task_id, action):
    return requests.post(f"{server.url}/api/tasks/{task_id}/{action}", timeout=10)


def slow_task(server):
    task_id = submit(server.url, "test-steps", {"n": 1000, "delay": 0.02})
    wait_until(lambda: task(server.url, task_id)["current_iteration"] > 2)
    return task_id


def test_a_task_pauses_resumes_and_is_cancelled(server):
    task_id = slow_task(server)
    answer = post(server, task_id, "pause")
    assert (202, "pause") == (answer.status_code, answer.json()["pending_command"])
    wait_for_status(server.url, task_id, "paused")
    assert 202 == post(server, task_id, "pause").status_code
    where = task(server.url, task_id)["current_iteration"]
    assert 202 == post(server, task_id, "resume").status_code
    wait_until(lambda: task(server.url, task_id)["current_iteration"] > where + 2)
    assert 202 == post(server, task_id, "cancel").status_code
    ended = wait_for_status(server.url, task_id, "cancelled")
    assert (None, None) == (ended["pending_command"], ended["error"])
    assert 202 == post(server, task_id, "stop").status_code
    refused = post(server, task_id, "pause")
    assert (409, "a cancelled task cannot be paused") == (refused.status_code, refused.json()["detail"])


def test_a_paused_task_that_has_saved_makes_room_for_others_and_goes_on_from_there(start_server):
    server = start_server(env={"RUNCAST_MAX_WORKERS": "1"})
    task_id = submit(server.url, "test-counter", {"upto": 60, "delay": 0.05})
    wait_until(lambda: task(server.url, task_id)["current_iteration"] > 3)
    post(server, task_id, "pause")
    wait_for_status(server.url, task_id, "paused")
    wait_for_status(server.url, submit(server.url, "test-noop"), "completed")
    server.restart()
    waiting = task(server.url, task_id)
    assert ("paused", None) == (waiting["status"], waiting["worker"])
    assert 202 == post(server, task_id, "resume").status_code
    done = wait_for_status(server.url, task_id, "completed")
    assert (waiting["current_iteration"], 60, 1) == (
        done["result"]["started_after"],
        done["result"]["at"],
        done["attempt"],
    )
    events = history(server.url, task_id)
    assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
    counted = [event["data"]["current_iteration"] for event in events if event["event_type"] == "progress"]
    assert counted == sorted(set(counted))
    (pause,) = [event["data"] for event in events if event["data"].get("message") == "paused"]
    assert 0 <= pause["took_seconds"] < 5


def test_a_paused_task_that_has_saved_nothing_keeps_its_worker(start_server):
    server = start_server(env={"RUNCAST_MAX_WORKERS": "1"})
    task_id = slow_task(server)
    post(server, task_id, "pause")
    paused = wait_for_status(server.url, task_id, "paused")
    other = submit(server.url, "test-noop")
    assert (True, "pending") == (paused["worker"] is not None, task(server.url, other)["status"])
    post(server, task_id, "cancel")
    wait_for_status(server.url, other, "completed")


def test_an_optimisation_that_was_paused_ends_as_one_that_was_not(server):
    params = {"bom_file": "config/bom_example.json", "max_iterations": 12, "convergence_threshold": 0.0, "seed": 7}
    whole = submit(server.url, "optimization", params)
    wait_for_status(server.url, whole, "completed")
    task_id = submit(server.url, "optimization", params)
    for _ in range(2):
        before = task(server.url, task_id)["current_iteration"]
        wait_until(lambda before=before: task(server.url, task_id)["current_iteration"] > before)
        post(server, task_id, "pause")
        wait_until(lambda: task(server.url, task_id)["worker"] is None)
        assert "paused" == task(server.url, task_id)["status"]
        post(server, task_id, "resume")
    wait_for_status(server.url, task_id, "completed")
    first, second = ([_metrics(event) for event in history(server.url, each)] for each in (whole, task_id))
    assert [each for each in first if each] == [each for each in second if each]


def _metrics(event):
    return (
        (event["data"]["iteration"], event["data"]["metrics"]) if event["event_type"] == "iteration_complete" else None
    )


def test_every_command_is_journaled_when_received_and_when_in_effect(server):
    task_id = slow_task(server)
    post(server, task_id, "pause")
    wait_for_status(server.url, task_id, "paused")
    post(server, task_id, "cancel")
    wait_for_status(server.url, task_id, "cancelled")
    states = [
        (event["data"]["status"], event["data"]["message"])
        for event in history(server.url, task_id)
        if event["event_type"] == "status_change"
    ]
    assert [
        ("running", "pausing"),
        ("paused", "paused"),
        ("paused", "cancelling"),
        ("cancelled", "cancelled"),
    ] == states[2:]


def test_a_waiting_task_is_cancelled_at_once_and_never_starts(server):
    busy = [slow_task(server) for _ in range(2)]
    waiting = submit(server.url, "test-steps", {"n": 1})
    assert 1 == task(server.url, waiting)["queue_position"]
    assert "cancelled" == post(server, waiting, "cancel").json()["status"]
    for task_id in busy:
        post(server, task_id, "cancel")
        wait_for_status(server.url, task_id, "cancelled")
    assert task(server.url, waiting)["started_at"] is None


def test_more_tasks_than_workers_run_in_order_of_priority_and_age(server):
    busy = [slow_task(server) for _ in range(2)]
    low = [submit(server.url, "test-noop") for _ in range(3)]
    high = submit(server.url, "test-noop", priority=5)
    for task_id in busy:
        post(server, task_id, "cancel")
    started = [wait_for_status(server.url, task_id, "completed")["started_at"] for task_id in [high, *low]]
    assert started == sorted(started)


def test_the_socket_controls_a_task_too(server):
    task_id = slow_task(server)
    with Listener(server.url) as listener:
        answer = listener.call("control", {"task_id": task_id, "action": "stop"})
        assert (True, "stop") == (answer["ok"], answer["action"])
        wait_for_status(server.url, task_id, "cancelled")
        refused = listener.call("control", {"task_id": task_id, "action": "resume"})
        assert (False, "conflict") == (refused["ok"], refused["code"])
        again = listener.call("control", {"task_id": task_id, "action": "retry"})
        assert task_id == task(server.url, again["new_task_id"])["retry_of"]
        wait_until(lambda: len(listener.named("control_result")) == 3)
    post(server, again["new_task_id"], "cancel")
    wait_for_status(server.url, again["new_task_id"], "cancelled")


def test_an_ended_task_is_retried_as_a_new_one_of_the_same_params(server):
    task_id = submit(server.url, "test-steps", {"n": 2, "label": "lap"}, name="laps", tags=["a", "b"])
    wait_for_status(server.url, task_id, "completed")
    answer = post(server, task_id, "retry")
    again = wait_for_status(server.url, answer.json()["task_id"], "completed")
    old = task(server.url, task_id)
    assert (201, task_id) == (answer.status_code, again["retry_of"])
    assert [old[name] for name in ("params", "name", "tags")] == [again[name] for name in ("params", "name", "tags")]


def test_an_ended_task_is_run_again_with_edits(server):
    params = {"n": 2, "label": "lap"}
    task_id = submit(server.url, "test-steps", params, name="laps", tags=["a"], priority=1, max_attempts=3)
    wait_for_status(server.url, task_id, "completed")
    edits = {"params": {"n": 3}, "name": "", "tags": ["b", "b"], "priority": 7, "timeout_seconds": 60.5}
    answer = requests.post(f"{server.url}/api/tasks/{task_id}/retry", json=edits, timeout=10)
    again = wait_for_status(server.url, answer.json()["task_id"], "completed")
    assert {**task(server.url, task_id)["params"], "n": 3} == again["params"]
    assert ("", ["b"], 7, 3, task_id) == tuple(
        again[field] for field in ("name", "tags", "priority", "max_attempts", "retry_of")
    )
    for wrong, loc in (
        ({"params": {"n": -1}}, ["params", "n"]),
        ({"params": {"colour": "red"}}, ["params", "colour"]),
        ({"params": [1]}, ["params"]),
        ({"type": "test-noop"}, ["type"]),
    ):
        refused = requests.post(f"{server.url}/api/tasks/{task_id}/retry", json=wrong, timeout=10)
        assert (422, loc) == (refused.status_code, refused.json()["errors"][0]["loc"])


def test_a_failed_attempt_is_tried_again_while_attempts_are_left(server):
    task_id = submit(server.url, "test-raise", {"message": "always"}, max_attempts=2)
    ended = wait_for_status(server.url, task_id, "failed")
    events = history(server.url, task_id)
    assert 2 == ended["attempt"]
    assert ["error"] == [event["event_type"] for event in events if event["event_type"] == "error"]
    (again,) = [event["data"] for event in events if event["data"].get("status") == "pending" and event["seq"] > 1]
    assert again["attempt"] == 1
    assert "always" in again["error"]
    (second,) = [event for event in events if event["data"].get("message") == "attempt 2 started"]
    assert again["retry_at"] <= second["timestamp"]


def test_a_task_that_waits_to_be_tried_again_goes_on_waiting_after_a_restart_and_can_be_cancelled(start_server):
    server = start_server(env={"RUNCAST_RETRY_DELAY_SECONDS": "3600"})
    task_id = submit(server.url, "test-raise", max_attempts=3)
    wait_until(lambda: task(server.url, task_id)["due_at"])
    server.restart()
    waiting = task(server.url, task_id)
    assert ("pending", 1, None) == (waiting["status"], waiting["attempt"], waiting["queue_position"])
    assert "cancelled" == post(server, task_id, "cancel").json()["status"]


def test_a_task_starts_at_its_time(server):
    at = datetime.now(UTC) + timedelta(seconds=1.5)
    berlin = at.astimezone(timezone(timedelta(hours=1))).isoformat()
    task_id = submit(server.url, "test-noop", run_at=berlin)
    waiting = task(server.url, task_id)
    assert (rfc3339(at), rfc3339(at), None) == tuple(waiting[name] for name in ("run_at", "due_at", "queue_position"))
    done = wait_for_status(server.url, task_id, "completed")
    late = (datetime.fromisoformat(done["started_at"]) - at).total_seconds()
    assert 0 <= late < 0.9  # a look in a second would come later on average, and by half a second
    for wrong in ("2026-12-24", "2026-12-24T18:00:00", 1.5, "soon"):
        body = {"type": "test-noop", "run_at": wrong}
        refused = requests.post(f"{server.url}/api/tasks", json=body, timeout=10)
        assert (422, ["run_at"]) == (refused.status_code, refused.json()["errors"][0]["loc"])


def test_a_task_that_is_silent_for_long_is_stalled_and_logs_where_it_stands(start_server):
    server = start_server(env={"RUNCAST_STALLED_SECONDS": "1"})
    task_id = submit(server.url, "test-steps", {"n": 2, "delay": 4})
    wait_until(lambda: task(server.url, task_id)["stalled"])
    assert "running" == task(server.url, task_id)["status"]
    wait_until(lambda: any("in run_steps" in line for line in _lines(server, task_id)))
    assert any("in rest" in line for line in _lines(server, task_id))
    assert task(server.url, task_id)["stalled"]  # the dump is no sign of life
    wait_until(lambda: not task(server.url, task_id)["stalled"])
    done = wait_for_status(server.url, task_id, "completed")
    said = [event["data"].get("message", "") for event in history(server.url, task_id)]
    assert (False, True) == (done["stalled"], "reporting again" in said)
    assert said.index("reporting again") > next(n for n, message in enumerate(said) if message.startswith("stalled: "))


def test_a_paused_task_is_not_stalled(start_server):
    server = start_server(env={"RUNCAST_STALLED_SECONDS": "1"})
    task_id = slow_task(server)
    post(server, task_id, "pause")
    wait_for_status(server.url, task_id, "paused")
    time.sleep(3)
    assert not task(server.url, task_id)["stalled"]
    post(server, task_id, "cancel")
    wait_for_status(server.url, task_id, "cancelled")


def _lines(server, task_id):
    return [event["data"]["message"] for event in history(server.url, task_id) if event["event_type"] == "log"]


def test_limits_of_a_type_hold_and_do_not_block_other_types(start_server):
    server = start_server(env={"RUNCAST_TYPE_LIMITS": "test-steps=1", "RUNCAST_MAX_WORKERS": "3"})
    first, second = slow_task(server), submit(server.url, "test-steps", {"n": 1000, "delay": 0.05})
    wait_for_status(server.url, submit(server.url, "test-noop"), "completed")
    assert ("pending", 1) == (task(server.url, second)["status"], task(server.url, second)["queue_position"])
    post(server, first, "cancel")
    wait_for_status(server.url, second, "running")
    post(server, second, "cancel")
    wait_for_status(server.url, second, "cancelled")


def test_a_running_task_cannot_be_deleted_and_an_ended_one_goes_with_its_files(server):
    task_id = slow_task(server)
    refused = requests.delete(f"{server.url}/api/tasks/{task_id}", timeout=10)
    assert 409 == refused.status_code
    post(server, task_id, "cancel")
    ended = submit(server.url, "test-steps")
    wait_for_status(server.url, ended, "completed")
    (folder,) = (server.data_dir / "experiments").glob(f"run_*_{ended[:8]}")
    assert 204 == requests.delete(f"{server.url}/api/tasks/{ended}", timeout=10).status_code
    assert 404 == requests.get(f"{server.url}/api/tasks/{ended}", timeout=10).status_code
    assert 404 == requests.get(f"{server.url}/api/tasks/{ended}/events", timeout=10).status_code
    assert not folder.exists()
