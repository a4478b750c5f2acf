"""The proof of a cancel: whatever the task does, 15 s later its processes are gone and its slot is free."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from api.client import APIClient
from tests.support.events import history, submit, wait_for_status
from tests.support.processes import child_pids, gone
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

KINDS = ["session", "daemon", "stopped", "computing", "blocked", "breeding"]
SECONDS = 15.0
"""From the command to `cancelled`."""
STEPS = [
    "cancel: the task has 5 s to stop by itself",
    "the worker process has not ended by itself: SIGTERM to its processes",
    "the worker process has to be killed: SIGKILL to its processes",
]


def log(server: ServerProcess, task_id: str) -> list[str]:
    return [event["data"]["message"] for event in history(server.url, task_id) if event["event_type"] == "log"]


def pids(server: ServerProcess, task_id: str) -> list[int]:
    said = [line for line in log(server, task_id) if line.startswith("pids ")]
    return [int(pid) for line in said for pid in line.split()[1:]]


@pytest.mark.long
def test_nothing_is_left_of_a_task_that_clings_to_life(start_server: Callable[..., ServerProcess]) -> None:
    """All of them at once: each has its ladder, step by step, and none holds another one up."""
    server = start_server(env={"RUNCAST_MAX_WORKERS": str(len(KINDS))})
    tasks = {kind: submit(server.url, "test-cling", {"kind": kind}) for kind in KINDS}
    for task_id in tasks.values():
        wait_until(lambda task_id=task_id: pids(server, task_id), 30)  # type: ignore[misc]
    known = {pid for task_id in tasks.values() for pid in pids(server, task_id)}
    assert 8 == len(known)
    begun = time.monotonic()
    with APIClient(server.url) as client:
        for task_id in tasks.values():
            client.cancel(task_id)
    bred = set(child_pids(server.pid))
    for kind, task_id in tasks.items():
        left = SECONDS - (time.monotonic() - begun)
        wait_until(
            lambda task_id=task_id: history(server.url, task_id)[-1]["data"].get("status") == "cancelled",  # type: ignore[misc]
            left,
            lambda kind=kind: f"{kind} has not ended after {SECONDS} s",  # type: ignore[misc]
        )
        assert STEPS == [line for line in log(server, task_id) if line in STEPS], kind
    assert [] == [pid for pid in known | bred if not gone(pid)]
    assert [] == child_pids(server.pid)
    killed = [line for line in log(server, tasks["daemon"]) if line.startswith("killed 1 processes")]
    assert 1 == len(killed)
    again = [submit(server.url, "test-noop", {}) for _ in KINDS]
    for task_id in again:
        wait_for_status(server.url, task_id, "completed")


def test_a_cancel_of_one_task_spares_the_children_of_another(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    first, second = (submit(server.url, "test-children", {"kind": "session", "wait": True}) for _ in range(2))
    for task_id in (first, second):
        wait_until(lambda task_id=task_id: pids(server, task_id), 30)  # type: ignore[misc]
    with APIClient(server.url) as client:
        client.cancel(first)
        wait_for_status(server.url, first, "cancelled")
        assert all(map(gone, pids(server, first)))
        assert not any(map(gone, pids(server, second)))
        client.cancel(second)
        wait_for_status(server.url, second, "cancelled")
    assert all(map(gone, pids(server, second)))


def test_of_five_commands_in_a_row_the_last_has_its_effect(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    task_id = submit(server.url, "test-steps", {"n": 1, "delay": 600})
    wait_for_status(server.url, task_id, "running")
    with APIClient(server.url) as client:
        for command in (client.pause, client.resume, client.pause, client.resume, client.cancel):
            command(task_id)
    wait_for_status(server.url, task_id, "cancelled")
    states = [event["data"]["status"] for event in history(server.url, task_id) if "status" in event["data"]]
    assert ("cancelled", 1) == (states[-1], states.count("cancelled"))
