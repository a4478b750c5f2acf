"""The wall clock is set back an hour, or stands still: events are ordered by their numbers and not by the time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.crowd import Crowd
from tests.support.events import Json, history, submit, task, wait_for_status
from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

HOUR = 3600


class Clock:
    """The wall clock of one server."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, offset: float, *, stopped: bool = False) -> None:
        """Seconds from the right time. The file is replaced: a reader never finds half of it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset} {'stopped' if stopped else ''}")
        fresh.rename(self._file)

    def command(self, port: int) -> Sequence[str]:
        return [sys.executable, str(ROOT / "tests" / "support" / "skewed_server.py"), str(self._file)]


@pytest.fixture(scope="module")
def clock_on_the_wall(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("wall") / "clock")


@pytest.fixture(scope="module")
def server(clock_on_the_wall: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("data"), command=clock_on_the_wall.command) as running:
        yield running


@pytest.fixture
def clock(clock_on_the_wall: Clock) -> Clock:
    """Right at the beginning of each test."""
    clock_on_the_wall.set(0)
    return clock_on_the_wall


@pytest.fixture
def own(request: pytest.FixtureRequest) -> str:
    """A tag for the tasks of one test."""
    return str(request.node.name)


def times(events: list[Json]) -> list[datetime]:
    return [datetime.fromisoformat(event["timestamp"]) for event in events]


def streamed(url: str, task_id: str) -> Iterator[Json]:
    """The whole stream of a task, as envelopes."""
    with requests.get(f"{url}/api/tasks/{task_id}/stream", params={"since": 0}, stream=True, timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith(b"data: ") and b'"seq"' in line:
                yield json.loads(line.removeprefix(b"data: "))


def assert_in_order_everywhere(server: ServerProcess, crowd: Crowd) -> list[Json]:
    """REST, Socket.IO live, Socket.IO later and SSE agree on one order; the events."""
    (task_id,) = {member.task_id for member in crowd.members}
    stored = history(server.url, task_id)
    assert list(range(1, len(stored) + 1)) == [event["seq"] for event in stored]
    assert all(member.events == stored for member in crowd.members)
    assert list(streamed(server.url, task_id)) == stored
    with Crowd(server.port, [task_id], 1) as late:
        late.pump(late.all(lambda member: member.ended), 20)
        assert late.members[0].events == stored
    return stored


@contextmanager
def watched(server: ServerProcess, params: dict[str, Any], **options: Any) -> Iterator[Crowd]:
    """A task that runs, with two who watch it."""
    with Crowd(server.port, [submit(server.url, "test-steps", params, **options)], 2) as crowd:
        crowd.pump(crowd.all(lambda member: len(member.events) > 10), 30)
        yield crowd


def test_a_clock_that_is_set_back_an_hour_amid_the_events(server: ServerProcess, clock: Clock, own: str) -> None:
    older = submit(server.url, "test-noop", tags=[own])
    wait_for_status(server.url, older, "completed")
    with watched(server, {"n": 40, "delay": 0.03}, tags=[own]) as crowd:
        clock.set(-HOUR)
        crowd.pump(crowd.all(lambda member: member.ended), 30)
        assert 0 == sum(member.lost for member in crowd.members)
        told = times(assert_in_order_everywhere(server, crowd))
        assert min(told[-5:]) < told[0], "the clock was not set back amid the events"
    newer = submit(server.url, "test-noop", tags=[own])
    wait_for_status(server.url, newer, "completed")
    listed = requests.get(f"{server.url}/api/tasks", params={"tag": own}, timeout=5).json()
    assert {older, newer, crowd.members[0].task_id} == {each["task_id"] for each in listed["tasks"]}
    assert 3 == listed["total"]


@pytest.mark.parametrize("offset", [-HOUR, HOUR])
def test_tasks_are_granted_paused_and_stopped_whatever_the_clock_says(
    server: ServerProcess, clock: Clock, offset: float
) -> None:
    """No lease, no time limit and no queue goes by it: a task from an hour ahead is not waited for."""
    ahead = submit(server.url, "test-steps", {"n": 1000, "delay": 0.02}, timeout_seconds=30)
    wait_for_status(server.url, ahead, "running")
    clock.set(offset)
    requests.post(f"{server.url}/api/tasks/{ahead}/pause", timeout=5)
    wait_for_status(server.url, ahead, "paused", timeout=10)
    requests.post(f"{server.url}/api/tasks/{ahead}/resume", timeout=5)
    wait_for_status(server.url, ahead, "running", timeout=10)
    short = submit(server.url, "test-steps", {"n": 1000, "delay": 0.02}, timeout_seconds=0.5)
    assert "timed out" in wait_for_status(server.url, short, "failed", timeout=15)["error"]
    server.restart()
    wait_for_status(server.url, ahead, "running", timeout=10)
    requests.post(f"{server.url}/api/tasks/{ahead}/cancel", timeout=5)
    wait_for_status(server.url, ahead, "cancelled", timeout=10)


def test_a_queue_made_before_and_after_the_clock_was_set_back_is_emptied(server: ServerProcess, clock: Clock) -> None:
    task_ids = [submit(server.url, "test-steps", {"n": 5, "delay": 0.02}) for _ in range(3)]
    clock.set(-HOUR)
    task_ids += [submit(server.url, "test-noop") for _ in range(3)]
    for task_id in task_ids:
        wait_for_status(server.url, task_id, "completed")


def test_events_of_one_microsecond_keep_their_order(server: ServerProcess, clock: Clock) -> None:
    with watched(server, {"n": 60, "delay": 0.02}) as crowd:
        clock.set(0, stopped=True)
        crowd.pump(crowd.all(lambda member: member.ended), 30)
        told = times(assert_in_order_everywhere(server, crowd))
        assert told[-1] == told[-20], "the clock did not stand still"


def test_pages_of_the_list_lose_no_task_of_one_microsecond(server: ServerProcess, clock: Clock, own: str) -> None:
    """Created at the same moment, and an hour before that one."""
    clock.set(0, stopped=True)
    made = [submit(server.url, "test-noop", tags=[own]) for _ in range(7)]
    clock.set(-HOUR, stopped=True)
    made += [submit(server.url, "test-noop", tags=[own]) for _ in range(3)]
    wait_until(lambda: all(task(server.url, task_id)["status"] == "completed" for task_id in made), 30)
    found: list[str] = []
    fetch = partial(requests.get, f"{server.url}/api/tasks", timeout=5)
    page = fetch(params={"tag": own, "limit": 2}).json()
    while True:
        found += [each["task_id"] for each in page["tasks"]]
        if page["next_cursor"] is None:
            break
        page = fetch(params={"tag": own, "limit": 2, "cursor": page["next_cursor"]}).json()
    assert (sorted(made), len(made)) == (sorted(found), page["total"])
