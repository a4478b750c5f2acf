"""Where a task stands in the queue, when it starts and how long it still runs, on its page and in the list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from api.client import APIClient
from api.domain.lifecycle import Status
from tests.pages.demo_page import DemoPage
from tests.support.events import submit, wait_for_status
from tests.support.journals import add_tasks
from tests.support.servers import ServerProcess
from tests.support.stores import START, a_task

STARTS = r"starts in about (1 h 00|59) min, usually takes about 1 h 00 min"
LEFT = re.compile(r"^About (1 h 00|59) min left, by earlier runs$")


@pytest.fixture
def busy(start_server: Callable[..., ServerProcess], tmp_path: Path) -> tuple[ServerProcess, list[str]]:
    """A server with one worker, where tasks of this type took an hour, and three of them: one runs, two wait."""
    usual = {"type": "test-burn", "status": Status.COMPLETED, "completed_at": START, "worked_seconds": 3600.0}
    add_tasks(tmp_path / "data" / "runcast.db", a_task(**usual))
    server = start_server(env={"RUNCAST_MAX_WORKERS": "1"})
    tasks = [submit(server.url, "test-burn", {"seconds": 600}) for _ in range(3)]
    wait_for_status(server.url, tasks[0], "running")
    return server, tasks


def expected(demo: DemoPage) -> Locator:
    return demo.task.locator("[data-part=expected]")


def test_a_waiting_task_tells_its_place_and_start_as_they_change(
    busy: tuple[ServerProcess, list[str]], new_page: Callable[..., Page]
) -> None:
    """Without an event of its own: the one before it is cancelled, then the one that runs."""
    server, (running, second, third) = busy
    demo = DemoPage(new_page()).open(server.url, f"?task={third}")
    expect(expected(demo)).to_have_text(
        re.compile(r"^2nd in the queue, starts in about (2 h 00|1 h 59) min, usually takes about 1 h 00 min$")
    )
    with APIClient(server.url) as client:
        client.cancel(second)
        expect(expected(demo)).to_have_text(re.compile(f"^1st in the queue, {STARTS}$"))
        client.cancel(running)
        expect(demo.status).to_have_text("running")
        expect(expected(demo)).to_have_text(LEFT)
        client.cancel(third)
        expect(demo.status).to_have_text("cancelled")
        expect(expected(demo)).to_be_hidden()


def test_the_list_tells_it_too(busy: tuple[ServerProcess, list[str]], new_page: Callable[..., Page]) -> None:
    server, (running, second, _) = busy
    demo = DemoPage(new_page(viewport={"width": 360, "height": 800})).open(server.url)
    about = {task: demo.recent.locator(f'a[data-task-id="{task}"] .about') for task in (running, second)}
    expect(about[second]).to_have_text(re.compile(f" · 1st in the queue, {STARTS}$"))
    expect(about[running]).to_have_text(re.compile(r" · about (1 h 00|59) min left, by earlier runs$"))
    assert demo.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_task_that_tells_its_own_time_is_believed_and_one_of_which_nothing_is_known_says_nothing(
    demo: DemoPage, server: ServerProcess
) -> None:
    task = demo.create_long()
    demo.has_iterations(3)
    expect(demo.task.get_by_text("Time left")).to_be_visible()
    expect(expected(demo)).to_be_hidden()
    with APIClient(server.url) as client:
        alone = client.create_task(type="external", name="never before")["task_id"]
        demo.open(server.url, f"?task={alone}")
        expect(demo.status).to_have_text("running")
        expect(expected(demo)).to_be_hidden()
        client.cancel(task)
        client.cancel(alone)
