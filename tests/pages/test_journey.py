"""A person's way from opening the page to the end of a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess


def test_an_optimisation_is_created_watched_and_its_result_seen(demo: DemoPage) -> None:
    """Form, live progress, metrics, log, pictures: nothing but the page is needed."""
    demo.create(BOM_file="config/bom_example.json", Max_iterations=20, Name="first light")
    expect(demo.title).to_have_text("first light")
    expect(demo.status).to_have_text("running")
    demo.has_iterations(1)
    expect(demo.status).to_have_text("completed")

    expect(demo.progress).to_have_attribute("value", "100")
    table = demo.task.get_by_role("table", name="Latest metrics")
    expect(table.get_by_role("row", name="Highest temperature")).to_contain_text("°C")
    expect(table.get_by_role("row", name="Smallest clearance")).to_contain_text("mm")
    expect(demo.lines.filter(has_text="completed")).to_have_count(1)
    assert demo.lines.count() > 3

    pictures = demo.task.locator("task-outcome img")
    expect(pictures.first).to_be_visible()
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    expect(demo.task.get_by_role("table", name="Constraints")).to_be_visible()
    expect(demo.recent.get_by_role("link", name="first light")).to_contain_text("completed")


def test_the_page_speaks_msgpack_with_a_server_that_does(
    start_server: Callable[..., ServerProcess], new_page: Callable[..., Page]
) -> None:
    server = start_server(env={"RUNCAST_SERIALIZER": "msgpack"})
    demo = DemoPage(new_page()).open(server.url)
    demo.create(BOM_file="config/bom_example.json", Max_iterations=3)
    expect(demo.status).to_have_text("completed")
    demo.has_iterations(3)
    assert demo.page.evaluate("typeof globalThis.io") == "function"


def test_progress_is_seen_to_grow(demo: DemoPage) -> None:
    """Live, not all at the end: the figure moves while the task runs."""
    demo.create_long()
    demo.has_iterations(1)
    demo.has_iterations(3)
    expect(demo.status).to_have_text("running")
    expect(demo.freshness).to_contain_text("caught up to #")
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")


def test_a_task_is_paused_resumed_and_cancelled(demo: DemoPage) -> None:
    """Only the legal buttons are there; cancelling asks once."""
    demo.create_long()
    demo.has_iterations(1)
    buttons = demo.task.locator("task-actions > button:visible")
    expect(buttons).to_have_text(["Pause", "Cancel"])
    demo.press("Pause")
    expect(demo.status).to_have_text("paused")
    expect(buttons).to_have_text(["Resume", "Cancel"])
    demo.press("Resume")
    expect(demo.status).to_have_text("running")
    demo.press("Cancel")
    demo.page.get_by_role("button", name="Keep it going").click()
    expect(demo.status).to_have_text("running")
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    expect(buttons).to_have_count(0)
    expect(demo.task.get_by_role("heading", name="It was cancelled")).to_be_visible()


def test_a_command_is_shown_before_it_has_taken_effect(demo: DemoPage) -> None:
    """`cancelling …` stands beside a status that is still running."""
    demo.create_long()
    demo.has_iterations(1)
    demo.page.evaluate(WATCH_UNDERWAY)
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    assert "running cancelling …" in demo.page.evaluate("window.seenUnderway")


WATCH_UNDERWAY = """() => {
  window.seenUnderway = [];
  const status = document.querySelector("[data-part=status]");
  new MutationObserver(() => window.seenUnderway.push([...status.children].map((part) => part.textContent).join(" ")))
    .observe(status, { childList: true });
}"""


def test_a_failure_tells_its_reason_first(
    new_page: Callable[..., Page], start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    """A bill of materials that cannot be used: failed, one sentence, and the form is still there."""
    (tmp_path / "bad.json").write_text(json.dumps({"components": [{"id": "camera", "mass": -1}]}))
    server = start_server(env={"RUNCAST_INPUT_DIRS": str(tmp_path)})
    demo = DemoPage(new_page()).open(server.url)
    demo.create(BOM_file="bad.json")
    expect(demo.status).to_have_text("failed")
    outcome = demo.task.locator("task-outcome")
    expect(outcome.get_by_role("heading", name="It failed")).to_be_visible()
    expect(outcome.locator(".reason")).to_contain_text("mass")
    expect(demo.task.locator("task-actions > button:visible")).to_have_count(0)
    demo.press("Use these parameters again")
    expect(demo.field("BOM file")).to_have_value("bad.json")


def test_a_crash_shows_its_traceback_folded(demo: DemoPage) -> None:
    """The sentence stands first; the traceback opens on demand."""
    demo.choose("Raises an exception").create()
    expect(demo.status).to_have_text("failed")
    traceback = demo.task.locator("task-outcome pre")
    expect(traceback).to_be_hidden()
    demo.task.get_by_text("Traceback", exact=True).click()
    expect(traceback).to_contain_text("Traceback (most recent call last)")


def test_an_unknown_task_is_said_to_be_unknown(new_page: Callable[..., Page], server: ServerProcess) -> None:
    """Failed to load is not an empty page."""
    demo = DemoPage(new_page()).open(server.url, "?task=00000000-0000-4000-8000-000000000000")
    expect(demo.task).to_contain_text("Could not load the task.")


def test_nothing_yet_is_said_in_words(
    new_page: Callable[..., Page], start_server: Callable[..., ServerProcess]
) -> None:
    """A new server: no task is open and none was created."""
    demo = DemoPage(new_page()).open(start_server().url)
    expect(demo.task).to_contain_text("No task is open")
    expect(demo.recent).to_contain_text("No task has been created yet.")


@pytest.mark.parametrize("answer", ["abort", "500"])
def test_a_form_that_cannot_be_loaded_can_be_tried_again(
    new_page: Callable[..., Page], server: ServerProcess, answer: str
) -> None:
    """The third picture: failed, with the way on."""
    page = new_page()
    page.route_web_socket("**/socket.io/**", lambda socket: None)  # a connection would load the form by itself
    page.route("**/socket.io/**", lambda route: route.abort())
    pattern = "**/api/workloads"
    page.route(pattern, lambda route: route.abort() if answer == "abort" else route.fulfill(status=500, body="{}"))
    demo = DemoPage(page)
    page.goto(f"{server.url}/demo")
    expect(page.get_by_text("Could not load the kinds of work.")).to_be_visible()
    page.unroute(pattern)
    page.get_by_role("button", name="Try again").click()
    expect(demo.create_button).to_be_visible()
