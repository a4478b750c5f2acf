"""The journal cannot be written for a while: nothing is shown that is not stored, and then all goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.crowd import Crowd
from tests.support.events import Json, history, submit, task
from tests.support.full_disk import full_disk
from tests.support.journal import open_journal
from tests.support.problems import assert_problem
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

LOCKED_SECONDS = 5
GONE_SECONDS = 30
PATIENCE = 60
WATCHERS = 5


class Bystander:
    """Tasks that run while the fault is there, others that wait, and those who watch all of them."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        running = [submit(server.url, "test-steps", {"n": 150, "delay": 0.05}) for _ in range(2)]
        queued = [submit(server.url, "test-steps", {"n": 3}) for _ in range(3)]
        self.task_ids = running + queued
        self.crowd = Crowd(server.port, self.task_ids, WATCHERS)
        self.crowd.pump(lambda: all(len(self._first(task_id)) > 10 for task_id in running), 30)

    def _first(self, task_id: str) -> list[int]:
        return next(member.seqs for member in self.crowd.members if member.task_id == task_id)

    def watch(self, done: Callable[[], bool], timeout: float = PATIENCE) -> None:
        self.crowd.pump(done, timeout)

    def assert_all_goes_on(self) -> None:
        """Old tasks and a new one complete, and nobody has seen what is not in the journal."""
        self.task_ids.append(submit(self.server.url, "test-steps", {"n": 3}))
        crowd = self.crowd
        crowd.pump(crowd.all(lambda member: member.ended), PATIENCE)
        for member in crowd.members:
            stored = history(self.server.url, member.task_id)
            assert [event["seq"] for event in stored] == list(range(1, len(stored) + 1)) == member.seqs
            assert stored == member.events
        last = self.task_ids[-1]
        wait_until(lambda: task(self.server.url, last)["status"] == "completed", 20)
        assert {"completed"} == {task(self.server.url, task_id)["status"] for task_id in self.task_ids}


@pytest.fixture
def bystander(start_server: Callable[..., ServerProcess]) -> Iterator[Bystander]:
    made = Bystander(start_server())
    with made.crowd:
        yield made


def ready(server: ServerProcess) -> Json:
    answer = requests.get(f"{server.url}/api/ready", timeout=20)
    checks: Json = answer.json()["checks"]
    assert (answer.status_code == 200) is all(value == "ok" for value in checks.values())
    return checks


def database_is_well(server: ServerProcess) -> bool:
    return bool(ready(server)["database"] == "ok")


@contextmanager
def submitting(server: ServerProcess) -> Iterator[list[requests.Response]]:
    """Submit again and again beside the test, one after another; the answers."""
    answers: list[requests.Response] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.1):
            answers.append(requests.post(f"{server.url}/api/tasks", json={"type": "test-noop"}, timeout=30))

    thread = threading.Thread(target=run, name="submitting")
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join(30)


def assert_refused(answers: list[requests.Response]) -> None:
    """Each was accepted or is a problem that says to try again; at least one was refused."""
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused
    for answer in refused:
        assert_problem(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0


def endure(bystander: Bystander, seconds: float) -> list[requests.Response]:
    """What submits are answered while the fault lasts, which readiness tells and reads may or may not survive."""
    server, over = bystander.server, threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    with submitting(server) as answers:
        wait_until(lambda: not database_is_well(server), seconds, lambda: "readiness does not tell")
        bystander.watch(over.is_set)
    timer.join()
    return answers


def test_a_database_that_is_locked_for_5_s(bystander: Bystander) -> None:
    """By another program's transaction. Reads go on."""
    server = bystander.server
    with open_journal(server.data_dir).locked():
        answers = endure(bystander, LOCKED_SECONDS)
        assert 200 == requests.get(f"{server.url}/api/tasks", timeout=5).status_code
    assert_refused(answers)
    wait_until(lambda: database_is_well(server))
    bystander.assert_all_goes_on()


def test_a_database_that_is_moved_away_and_back(bystander: Bystander) -> None:
    server = bystander.server
    file, away = server.data_dir / "runcast.db", server.data_dir / "away.db"
    file.rename(away)
    try:
        answers = endure(bystander, GONE_SECONDS)
        assert_problem(requests.get(f"{server.url}/api/tasks", timeout=5), 503)
    finally:
        away.rename(file)
    assert_refused(answers)
    wait_until(lambda: database_is_well(server))
    bystander.assert_all_goes_on()


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """Room is found again by taking another file away."""
    with full_disk(tmp_path) as disk, ServerProcess(disk.folder) as server:
        bystander = Bystander(server)
        with bystander.crowd:
            disk.fill()
            answers = endure(bystander, LOCKED_SECONDS)
            disk.free()
            assert_refused(answers)
            wait_until(lambda: database_is_well(server))
            bystander.assert_all_goes_on()
