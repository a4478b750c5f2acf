"""Following a task on a screen, against a scripted server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pytest

from api.cli.follow import exit_code, follow
from api.cli.view import View
from api.errors import APIError, ConnectionLost
from api.websocket_client import TaskWebSocketClient
from tests.support.scripted_server import ScriptedServer
from tests.support.waiting import wait_until
from tests.support.wire import Wire

RUNNING = ("status_change", {"status": "running"})
COMPLETED = ("status_change", {"status": "completed", "result": {"experiment_dir": "experiments/run_1"}})


class Memory:
    """A screen that remembers."""

    def __init__(self) -> None:
        self.first: View | None = None
        self.seqs: list[int] = []
        self.states: list[str] = []
        self.notes: list[str] = []
        self.outlooks: list[tuple[str, str]] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.closed = True

    def start(self, view: View) -> None:
        self.first = view

    def event(self, view: View, envelope: Mapping[str, Any]) -> None:
        self.seqs.append(envelope["seq"])

    def state(self, view: View) -> None:
        self.states.append(view.connection)

    def outlook(self, view: View) -> None:
        self.outlooks.append((view.status, view.expected))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def idle(self) -> None:
        """All has been remembered already."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def screen() -> Memory:
    return Memory()


@pytest.fixture
def followed(server: ScriptedServer, screen: Memory) -> Callable[..., View]:
    def run(task_id: str, url: str = server.url, since: int | None = 0, patience: float | None = None) -> View:
        return follow(TaskWebSocketClient(url), task_id, screen, since=since, patience=patience)

    return run


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (("status_change", {"status": "completed"}), 0),
        (("error", {"status": "failed", "error": "boom"}), 1),
        (("status_change", {"status": "cancelled"}), 2),
    ],
)
def test_each_end_has_its_exit_code(
    server: ScriptedServer, followed: Callable[..., View], last: tuple[str, dict[str, Any]], code: int
) -> None:
    assert code == exit_code(followed(server.task(RUNNING, last)))


def test_from_the_start_every_event_is_shown(
    server: ScriptedServer, followed: Callable[..., View], screen: Memory
) -> None:
    task = server.task(RUNNING, *[("log", {"message": "x"})] * 5, COMPLETED)
    view = followed(task)
    assert ([1, 2, 3, 4, 5, 6, 7], True) == (screen.seqs, screen.closed)
    assert ("completed", 7, {"experiment_dir": "experiments/run_1"}) == (view.status, view.last_seq, view.result)


def test_from_now_on_it_begins_with_the_task_as_it_stands(
    server: ScriptedServer, followed: Callable[..., View], screen: Memory
) -> None:
    task = server.task(RUNNING, ("log", {"message": "old"}))
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(followed, task, since=None)
        wait_until(lambda: screen.seqs == [1])
        server.append(task, *COMPLETED)
        following.result()
    assert [1, 3] == screen.seqs
    assert "running" == screen.first.status if screen.first else False


def test_a_lost_connection_is_shown_and_waited_out(
    server: ScriptedServer, followed: Callable[..., View], screen: Memory
) -> None:
    task = server.task(RUNNING)
    with Wire(server.port) as wire, ThreadPoolExecutor(1) as pool:
        following = pool.submit(followed, task, wire.url, patience=30)
        wait_until(lambda: screen.seqs == [1])
        wire.cut()
        wait_until(lambda: screen.states[-1:] == ["live"])
        server.append(task, *COMPLETED)
        assert "completed" == following.result().status
    assert ["reconnecting", "live"] == screen.states


def test_patience_ends(server: ScriptedServer, followed: Callable[..., View], screen: Memory) -> None:
    task = server.task(RUNNING)
    with Wire(server.port) as wire, ThreadPoolExecutor(1) as pool:
        following = pool.submit(followed, task, wire.url, patience=0.3)
        wait_until(lambda: screen.seqs == [1])
        wire.down()
        with pytest.raises(ConnectionLost, match=r"no connection for 0\.3 s"):
            following.result()
    assert screen.closed


def test_what_the_server_skipped_is_noted(
    server: ScriptedServer, followed: Callable[..., View], screen: Memory
) -> None:
    task = server.task(RUNNING)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(followed, task)
        wait_until(lambda: screen.seqs == [1])
        server.append(task, "progress", {}, lose=True)
        server.say("lagged", {"task_id": task, "from_seq": 2, "to_seq": 2, "skipped": 1}, task)
        server.append(task, *COMPLETED)
        following.result()
    assert ([1, 3], ["1 progress events skipped"]) == (screen.seqs, screen.notes)


def test_an_unknown_task_is_an_error(followed: Callable[..., View]) -> None:
    with pytest.raises(APIError, match="no such task"):
        followed("nowhere")


def test_a_task_that_is_deleted_meanwhile_is_an_error(
    server: ScriptedServer, followed: Callable[..., View], screen: Memory
) -> None:
    task = server.task(RUNNING)
    with Wire(server.port) as wire, ThreadPoolExecutor(1) as pool:
        following = pool.submit(followed, task, wire.url)
        wait_until(lambda: screen.seqs == [1])
        del server.events[task]
        wire.cut()
        with pytest.raises(APIError, match="no such task"):
            following.result()


class Looks:
    """What can be expected of a task, as it is looked at again and again."""

    def __init__(self, *answers: tuple[str, str]) -> None:
        self.answers = list(answers)

    def __call__(self) -> tuple[str, str]:
        if not self.answers:
            raise APIError(503, "Service unavailable", "the journal is away")
        return self.answers.pop(0)


def test_what_can_be_expected_is_asked_for_until_the_task_itself_says_it(
    server: ScriptedServer, screen: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is out of date is not shown, nor does one that fails end anything."""
    monkeypatch.setattr("api.cli.follow.FIRST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr("api.cli.follow.LOOK_SECONDS", 0.01)
    task = server.task(("status_change", {"status": "pending"}))
    looks = Looks(("pending", "2nd"), ("running", "a minute left"), ("pending", "2nd"), ("pending", "1st"))
    client = TaskWebSocketClient(server.url)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, client, task, screen, since=0, patience=None, look=looks)
        wait_until(lambda: screen.outlooks == [("pending", "2nd"), ("pending", "1st")])
        server.append(task, *RUNNING)
        wait_until(lambda: screen.seqs == [1, 2])  # an answer that comes before it is out of date
        looks.answers.append(("running", "a minute left"))
        wait_until(lambda: screen.outlooks[2:] == [("running", "a minute left")])
        progress = {"current_iteration": 1, "max_iterations": 2, "progress_percent": 50.0, "eta_seconds": 5.0}
        server.append(task, "progress", progress)
        wait_until(lambda: screen.seqs == [1, 2, 3])
        server.append(task, *COMPLETED)
        assert following.result().expected == ""
