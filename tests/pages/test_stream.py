"""What a page promises about a task across reloads, lost connections and servers that restart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess

WATCH_CONNECTION = """() => {
  window.seenPhases = [];
  const badge = document.querySelector("connection-badge .badge");
  new MutationObserver(() => window.seenPhases.push(badge.textContent)).observe(badge, { childList: true });
}"""


def stored_lines(server: ServerProcess, task_id: str) -> list[int]:
    """The seqs of the stored events that are a line of the log on the page."""
    url = f"{server.url}/api/tasks/{task_id}/events"
    seqs: list[int] = []
    since = 0
    while True:
        page = requests.get(url, params={"since": since, "limit": 1000}, timeout=10).json()["events"]
        if not page:
            return seqs
        since = page[-1]["seq"]
        seqs += [event["seq"] for event in page if event["event_type"] in ("log", "status_change", "error")]


def test_a_reload_in_the_middle_shows_the_whole_log_once(demo: DemoPage, server: ServerProcess) -> None:
    """The address keeps the task; history and live meet without a gap or a duplicate."""
    task_id = demo.create_long()
    demo.has_iterations(3)
    demo.page.reload()
    demo.connected()
    demo.has_iterations(5)
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    expect(demo.lines.last).to_contain_text("cancelled")
    assert stored_lines(server, task_id)[-demo.lines.count() :] == demo.seqs()


def test_an_ended_task_is_shown_again_by_its_address(new_page: Callable[..., Page], server: ServerProcess) -> None:
    """Shared with somebody else, after the end, over `/tasks/<id>`."""
    first = DemoPage(new_page()).open(server.url)
    task_id = first.create_steps()
    expect(first.status).to_have_text("completed")
    page = new_page()
    page.goto(f"{server.url}/tasks/{task_id}")
    second = DemoPage(page).connected()
    expect(second.status).to_have_text("completed")
    assert stored_lines(server, task_id) == second.seqs() == first.seqs()


def test_two_pages_each_see_their_own_task(new_page: Callable[..., Page], server: ServerProcess) -> None:
    """No event of one task reaches the watcher of the other."""
    first, second = (DemoPage(new_page()).open(server.url) for _ in range(2))
    one, other = first.create_steps(20), second.create_steps(15)
    for page, task_id in ((first, one), (second, other)):
        expect(page.status).to_have_text("completed")
        assert stored_lines(server, task_id) == page.seqs()


@pytest.mark.parametrize("end", [ServerProcess.stop, ServerProcess.kill])
def test_a_restart_of_the_server_is_a_reconnect_and_not_a_failure(
    new_page: Callable[..., Page], start_server: Callable[..., ServerProcess], end: Callable[[ServerProcess], Any]
) -> None:
    """`Reconnecting` with a count while it is away; then the same task goes on, each line once."""
    server = start_server()
    demo = DemoPage(new_page()).open(server.url)
    task_id = demo.create_long()
    demo.has_iterations(2)
    demo.page.evaluate(WATCH_CONNECTION)
    end(server)
    expect(demo.connection).to_have_text("Reconnecting")
    expect(demo.page.locator("connection-badge")).to_contain_text(re.compile(r"try \d+"))
    assert demo.connection.locator("use").evaluate("picture => picture.getBBox().width") > 0
    expect(demo.status).not_to_have_text("failed")
    expect(demo.task).not_to_contain_text("Could not load")
    server.start()
    demo.connected()
    expect(demo.freshness).to_contain_text("caught up to #")
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    assert set(demo.page.evaluate("window.seenPhases")) <= {"Reconnecting", "Live"}
    assert stored_lines(server, task_id)[-demo.lines.count() :] == demo.seqs()


def test_a_page_of_another_allowed_origin_uses_this_server(
    new_page: Callable[..., Page], server: ServerProcess, start_server: Callable[..., ServerProcess]
) -> None:
    """Form, events and pictures all come from the server that was entered."""
    worker = start_server("worker", env={"RUNCAST_CORS_ORIGINS": server.url})
    demo = DemoPage(new_page()).open(server.url, f"?server={worker.url}")
    task_id = demo.create(Max_iterations=2)
    expect(demo.status).to_have_text("completed")
    assert worker.url in demo.page.url.replace("%3A", ":").replace("%2F", "/")
    picture = demo.task.locator("task-outcome img").first
    expect(picture).to_have_attribute("src", re.compile(f"^{re.escape(worker.url)}/api/tasks/{task_id}/"))
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_a_server_address_can_be_entered(
    new_page: Callable[..., Page], server: ServerProcess, start_server: Callable[..., ServerProcess]
) -> None:
    """Disconnect, another address, connect; what is no address is said to be none."""
    other = start_server("other", env={"RUNCAST_CORS_ORIGINS": server.url})
    demo = DemoPage(new_page()).open(server.url)
    demo.page.get_by_role("button", name="Disconnect").click()
    expect(demo.connection).to_have_text("Offline")
    demo.field("Server").fill("ftp://nowhere")
    demo.page.get_by_role("button", name="Connect", exact=True).click()
    expect(demo.page.get_by_role("alert").filter(has_text="not a server address")).to_be_visible()
    demo.field("Server").fill(other.url)
    demo.page.get_by_role("button", name="Connect", exact=True).click()
    demo.connected()
    expect(demo.recent).to_contain_text("No task has been created yet.")
