"""A child that misbehaves gives one clear sentence, frees its slot and touches nobody else."""

from __future__ import annotations

import pytest
import requests

from tests.support.events import Listener, history, submit, task, wait_for_status


@pytest.mark.parametrize(
    ("task_type", "params", "sentence"),
    [
        ("test-raise", {"kind": "ValueError", "message": "no such luck"}, "ValueError: no such luck"),
        ("test-raise", {"kind": "MemoryError"}, "MemoryError"),
        ("test-exit", {"code": 3}, "exited with code 3"),
        ("test-kill", {}, "killed by SIGKILL"),
        ("test-segfault", {}, "SIGSEGV"),
        ("test-rubbish", {}, "not a report"),
    ],
)
def test_a_failing_child_gives_one_error_event_with_a_clear_text(server, task_type, params, sentence):
    with Listener(server.url) as listener:
        task_id = submit(server.url, task_type, params)
        listener.subscribe(task_id, since=0)
        error = listener.wait_for_end(task_id)
    assert ("error", "failed") == (error["event_type"], error["data"]["status"])
    assert sentence in error["data"]["error"]
    assert error["data"]["error"] == task(server.url, task_id)["error"]
    wait_for_status(server.url, submit(server.url, "test-noop"), "completed")


def test_the_traceback_of_the_task_is_its_own_and_stands_apart(server):
    task_id = submit(server.url, "test-raise", {"kind": "ValueError"})
    wait_for_status(server.url, task_id, "failed")
    data = history(server.url, task_id)[-1]["data"]
    assert "Traceback" in data["traceback"]
    assert "Traceback" not in data["error"]


def test_print_stderr_logging_and_progress_bars_arrive_as_log_lines(server):
    task_id = submit(server.url, "test-print")
    wait_for_status(server.url, task_id, "completed")
    logs = [event["data"] for event in history(server.url, task_id) if event["event_type"] == "log"]
    assert {"stdout", "stderr"} < {log.get("logger") for log in logs}
    assert not any("\r" in log["message"] or "\x1b" in log["message"] for log in logs)
    assert max(len(log["message"]) for log in logs) <= 64 * 1024


def test_a_time_limit_ends_a_task_that_does_not_end(server):
    task_id = submit(server.url, "test-steps", {"n": 1000, "delay": 0.05}, timeout_seconds=0.5)
    assert "timed out after 0.5 s" in wait_for_status(server.url, task_id, "failed")["error"]


def test_readiness_names_each_part(server):
    answer = requests.get(f"{server.url}/api/ready", timeout=10)
    assert (200, {"database": "ok", "bus": "ok", "executor": "ok"}) == (answer.status_code, answer.json()["checks"])
