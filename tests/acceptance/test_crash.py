"""`kill -9` in the middle of the work: nothing is lost, nothing comes twice, and everything ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import requests

from tests.support.crowd import Crowd
from tests.support.events import history, submit, task, wait_for_status
from tests.support.journal import open_journal
from tests.support.processes import child_pids, gone
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

TASKS = 20
COUNT = 5000
STEPS = {"n": 40, "delay": 0.2}
WATCHERS = 10
"""Of each task."""
BEGUN = 8
"""Events after which a task is in its middle: half a second of its eight."""


def submit_all(url: str) -> tuple[list[str], list[str]]:
    """Tasks that report in their own time, and some that work as fast as they can and save where they are."""
    steady = [submit(url, "test-steps", STEPS) for _ in range(TASKS * 4 // 5)]
    return steady, [submit(url, "test-counter", {"upto": COUNT}) for _ in range(TASKS // 5)]


def ask(url: str, task_ids: list[str], action: str) -> None:
    for task_id in task_ids:
        assert 202 == requests.post(f"{url}/api/tasks/{task_id}/{action}", timeout=10).status_code


def test_after_a_kill_every_client_has_every_event_once_and_every_task_ends(
    start_server: Callable[..., ServerProcess],
) -> None:
    """20 tasks, 200 subscribers; on the same port and data the server goes on where it was."""
    server = start_server(env={"RUNCAST_MAX_WORKERS": str(TASKS)})
    steady, busy = submit_all(server.url)
    task_ids = steady + busy
    with Crowd(server.port, task_ids, WATCHERS) as crowd:
        waiting = [member for member in crowd.members if member.task_id in steady]
        ask(server.url, steady, "pause")  # until everybody is there, however long that takes
        crowd.pump(lambda: all(member.last.get("data", {}).get("status") == "paused" for member in waiting), 60)
        crowd.pump(crowd.all(lambda member: member.events), 60)
        stood = {member: len(member.events) for member in waiting}
        ask(server.url, steady, "resume")
        crowd.pump(lambda: all(len(member.events) >= stood[member] + BEGUN for member in waiting), 60)
        children = child_pids(server.pid)
        running = {member.task_id for member in waiting if not member.ended}
        server.kill()
        assert len(running) >= TASKS // 2
        assert children
        crowd.pump(crowd.all(lambda member: member.sock is None), 10)
        wait_until(lambda: all(map(gone, children)), 10, lambda: "children outlived their server")
        server.start()
        crowd.pump(crowd.all(lambda member: member.ended), 90)
    for member in crowd.members:
        assert list(range(1, member.last["seq"] + 1)) == member.seqs
        assert all(answer["recovered"] for answer in member.answers)
    for task_id in task_ids:
        stored = history(server.url, task_id)
        assert list(range(1, len(stored) + 1)) == [event["seq"] for event in stored]
        assert {len(stored)} == {len(member.seqs) for member in crowd.members if member.task_id == task_id}
        assert 1 == Counter(event["data"].get("status") for event in stored)["completed"]
        assert ("completed", 1) == (task(server.url, task_id)["status"], task(server.url, task_id)["attempt"])
    assert 0 == server.stop()
    assert "ok" == open_journal(server.data_dir).integrity()


def test_a_task_that_saves_checkpoints_goes_on_from_the_last_one(start_server: Callable[..., ServerProcess]) -> None:
    """What was counted before the kill is not counted again."""
    server = start_server()
    task_id = submit(server.url, "test-counter", {"upto": 1500})
    wait_until(lambda: (task(server.url, task_id)["current_iteration"] or 0) > 100)
    reached = task(server.url, task_id)["current_iteration"]
    server.kill()
    server.start()
    result = wait_for_status(server.url, task_id, "completed")["result"]
    assert 1500 == result["at"] > result["started_after"] >= reached
