"""What is reported under a lease that is over: refused, counted, logged, and nowhere in the task's history."""

from __future__ import annotations

from collections.abc import Callable

import requests

from tests.support.events import history, submit, task
from tests.support.journal import open_journal
from tests.support.processes import child_pids
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until


def refused(server: ServerProcess) -> float:
    text = requests.get(f"{server.url}/api/metrics", timeout=10).text
    [line] = [line for line in text.splitlines() if line.startswith("runcast_stale_reports_total ")]
    return float(line.split()[1])


def test_a_worker_whose_task_was_given_away_is_fenced_off(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    task_id = submit(server.url, "test-steps", {"n": 1000, "delay": 0.05})
    wait_until(lambda: task(server.url, task_id)["current_iteration"] >= 3, 30)
    lease = task(server.url, task_id)
    assert 0 == refused(server)
    open_journal(server.data_dir).give_away(task_id)
    wait_until(lambda: refused(server) >= 1, 30)
    wait_until(lambda: not child_pids(server.pid), 30)
    stored = history(server.url, task_id)
    assert list(range(1, len(stored) + 1)) == [event["seq"] for event in stored]
    wait_until(lambda: "late_report_refused" in server.log_text(), 10)
    [line, *_] = [line for line in server.log_text().splitlines() if "late_report_refused" in line]
    assert task_id in line
    assert ("running", lease["attempt"]) == (task(server.url, task_id)["status"], task(server.url, task_id)["attempt"])
    done = submit(server.url, "test-noop", {})
    wait_until(lambda: task(server.url, done)["status"] == "completed", 30)  # its slot is free
