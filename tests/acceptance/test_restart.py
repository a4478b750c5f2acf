"""What a stop, a crash and a second server leave behind: nothing lost, nothing twice, nothing running for ever."""

from __future__ import annotations

import os
from pathlib import Path

import requests

from tests.support.events import Listener, history, seqs, submit, task, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until


def workers_of(data_dir: Path) -> list[int]:
    """Processes whose working directory is below the data folder: the children of its server."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and Path(os.readlink(entry / "cwd")).is_relative_to(data_dir):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended, or is not ours to see
    return found


def test_a_finished_task_and_all_its_events_are_there_after_a_restart(start_server):
    server = start_server()
    task_id = submit(server.url, "test-steps", {"n": 50})
    before, events = wait_for_status(server.url, task_id, "completed"), history(server.url, task_id)
    server.restart()
    assert before == task(server.url, task_id)
    assert events == history(server.url, task_id)


def test_after_a_kill_running_tasks_run_again_and_a_client_misses_nothing(start_server):
    server = start_server()
    task_id = submit(server.url, "test-steps", {"n": 60, "delay": 0.05})
    waiting = [submit(server.url, "test-steps", {"n": 60, "delay": 0.05}) for _ in range(3)]
    with Listener(server.url) as listener:
        listener.subscribe(task_id, since=0)
        wait_until(lambda: len(listener.updates) > 20)
        server.kill()
        seen = listener.updates
    wait_until(lambda: not workers_of(server.data_dir), 10, lambda: "children outlived their server")
    server.start()
    with Listener(server.url) as listener:
        answer = listener.subscribe(task_id, since=seen[-1]["seq"])
        assert answer["recovered"] is True
        listener.wait_for_end(task_id)
        assert history(server.url, task_id) == seen + listener.updates
    assert list(range(1, task(server.url, task_id)["last_seq"] + 1)) == seqs(history(server.url, task_id))
    for each in [task_id, *waiting]:
        ended = wait_for_status(server.url, each, "completed")
        assert 1 == ended["attempt"], "a restart uses no attempt up"


def test_a_stop_under_load_leaves_no_child_and_puts_tasks_back(start_server):
    server = start_server()
    running = [submit(server.url, "test-steps", {"n": 1000, "delay": 0.02}) for _ in range(2)]
    for task_id in running:
        wait_until(lambda task_id=task_id: task(server.url, task_id)["current_iteration"] > 1)
    assert 0 == server.stop()
    assert [] == workers_of(server.data_dir)
    server.start()
    for task_id in running:
        wait_for_status(server.url, task_id, "running")
        requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10)
        wait_for_status(server.url, task_id, "cancelled")


def test_a_second_server_of_one_data_folder_stands_by_and_takes_over(start_server):
    first = start_server()
    with ServerProcess(first.data_dir, awaits="/api/health") as second:
        assert 503 == requests.get(f"{second.url}/api/ready", timeout=5).status_code
        task_id = submit(second.url, "test-steps", {"n": 20, "delay": 0.05})
        with Listener(second.url) as listener:
            listener.subscribe(task_id, since=0)
            listener.wait_for_end(task_id)
        assert history(first.url, task_id) == listener.updates
        assert 0 == first.stop()
        wait_until(lambda: requests.get(f"{second.url}/api/ready", timeout=5).ok)
        wait_for_status(second.url, submit(second.url, "test-noop"), "completed")


def test_a_task_that_was_being_cancelled_when_the_server_died_is_cancelled(start_server):
    server = start_server()
    task_id = submit(server.url, "test-stubborn")
    wait_for_status(server.url, task_id, "running")
    requests.post(f"{server.url}/api/tasks/{task_id}/cancel", timeout=10)
    server.kill()
    server.start()
    wait_for_status(server.url, task_id, "cancelled", timeout=10)
