"""`TaskNotifier`: a worker of another application tells a real server how an external task goes."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from api.client import APIClient
from api.notify import TaskNotifier
from tests.support.ports import free_port
from tests.support.servers import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("notify")) as running:
        yield running


def external(server: ServerProcess) -> str:
    with APIClient(server.url) as client:
        return str(client.create_task(type="external", params={"pages": 10})["task_id"])


def events(server: ServerProcess, task: str) -> list[dict[str, Any]]:
    with APIClient(server.url) as client:
        return list(client.events(task))


def work(url: str, task: str) -> None:
    notifier = TaskNotifier(url)
    for page in range(1, 4):
        notifier.send_progress_update(task, page * 10.0, "processing", page, 10, f"page {page}", {"file": "a.pdf"})
    assert notifier.send_task_complete(task, True, "all read", {"pages": 10, "mean": float("nan")})


def test_a_client_of_the_task_socket_follows_a_worker_in_another_process(server: ServerProcess) -> None:
    task = external(server)
    with connect(f"{server.url.replace('http', 'ws')}/ws/task/{task}", open_timeout=20) as opened:
        process = multiprocessing.get_context("spawn").Process(target=work, args=(server.url, task))
        process.start()
        messages = [json.loads(opened.recv(30))]
        while messages[-1]["type"] not in ("complete", "error"):
            messages.append(json.loads(opened.recv(30)))
        process.join(20)
    assert 0 == process.exitcode
    steps = [(each["current"], each["total"], each["progress"], each["message"])
             for each in messages if each["type"] == "progress" and each["current"]]  # fmt: skip
    assert [(page, 10, page * 10.0, f"page {page}") for page in (1, 2, 3)] == steps
    last = messages[-1]
    assert (True, "all read", {"pages": 10, "mean": None}) == (last["success"], last["message"], last["result"])
    assert {"file": "a.pdf"} == next(each for each in events(server, task) if each["event_type"] == "progress")["data"][
        "details"
    ]


@pytest.mark.parametrize(
    ("send", "error", "traceback"),
    [
        (lambda notifier, task: notifier.send_task_error(task, "no paper", "Traceback …"), "no paper", "Traceback …"),
        (lambda notifier, task: notifier.send_task_error(task, "jam", {"tray": 2}), "jam", None),
        (lambda notifier, task: notifier.send_task_complete(task, False, "given up"), "given up", None),
    ],
)
def test_a_failure_is_the_end_of_the_task(server: ServerProcess, send: Any, error: str, traceback: str | None) -> None:
    task, notifier = external(server), TaskNotifier(server.url)
    assert send(notifier, task)
    last = events(server, task)[-1]
    assert ("error", error, traceback) == (last["event_type"], last["data"]["error"], last["data"].get("traceback"))
    assert not notifier.send_progress_update(task, 1.0, "processing")
    assert 1 == notifier.failed


def test_what_cannot_be_sent_is_counted_and_never_raised(server: ServerProcess) -> None:
    notifier = TaskNotifier(server.url)
    task = external(server)
    bad: list[Any] = [float("nan"), "much", None, object(), 10**400]
    for progress in bad:
        assert not notifier.send_progress_update(task, progress, "processing")
    assert not notifier.send_progress_update("no-such-task", 1.0, "processing")
    assert not notifier.send_task_complete("../../etc", True, "x")
    assert (len(bad) + 2) == notifier.failed
    assert notifier.send_progress_update(task, 50, "processing")


def test_a_server_that_is_away_does_not_hold_up_the_work(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, port=free_port())
    notifier = TaskNotifier(server.url)
    begun = time.monotonic()
    for _ in range(500):
        assert not notifier.send_progress_update("x", 1.0, "processing")
    assert time.monotonic() - begun < 10
    assert 500 == notifier.failed
