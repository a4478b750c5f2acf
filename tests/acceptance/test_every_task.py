"""The subscription to `"*"`: what a list of tasks lives on."""

from __future__ import annotations

from datetime import datetime

from tests.support.events import Listener, ends, history, submit, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until


def test_all_tasks_are_heard_with_progress_thinned_out_and_all_else_complete(server):
    with Listener(server.url) as listener:
        answer = listener.subscribe("*")
        assert (True, "*") == (answer["ok"], answer["task_id"])
        tasks = [submit(server.url, "test-steps", {"n": 40, "delay": 0.01}) for _ in range(3)]
        for task_id in tasks:
            listener.wait_for_end(task_id)
    for task_id in tasks:
        heard, stored = listener.of(task_id), history(server.url, task_id)
        assert [e for e in stored if e["event_type"] != "progress"] == [
            e for e in heard if e["event_type"] != "progress"
        ]
        assert all(envelope in stored for envelope in heard)
        assert ends(heard[-1])
        times = [datetime.fromisoformat(e["timestamp"]) for e in heard if e["event_type"] == "progress"]
        assert 0 < len(times) < len([e for e in stored if e["event_type"] == "progress"])


def test_a_filter_and_unsubscribe_hold_here_too(server):
    with Listener(server.url) as listener:
        listener.subscribe("*", events=["status_change"])
        task_id = submit(server.url, "test-steps", {"n": 3})
        listener.wait_for_end(task_id)
        assert {"status_change"} == {envelope["event_type"] for envelope in listener.updates}
        listener.call("unsubscribe", {"task_id": "*"})
        heard = len(listener.updates)
        wait_for_status(server.url, submit(server.url, "test-noop"), "completed")
        listener.call("unsubscribe", {"task_id": "*"})  # a round trip after that task's events
        assert heard == len(listener.updates)


def test_tasks_that_another_server_runs_are_heard_as_well(start_server):
    runs = start_server()
    with ServerProcess(runs.data_dir, awaits="/api/health") as stands_by, Listener(stands_by.url) as listener:
        listener.subscribe("*")
        task_id = submit(runs.url, "test-steps", {"n": 5})
        wait_until(lambda: any(map(ends, listener.of(task_id))), 20)
