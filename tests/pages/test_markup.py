"""Text of a task is shown as typed: nothing in it is parsed, loaded or run."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.pages.demo_page import DemoPage

MARKUP = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"


def nothing_was_parsed(demo: DemoPage) -> None:
    expect(demo.page.locator("img[src=x], task-view b, recent-tasks b")).to_have_count(0)
    assert demo.page.title() != "owned"


def test_a_name_is_text(demo: DemoPage) -> None:
    demo.create_steps(name=MARKUP)
    expect(demo.title).to_have_text(MARKUP)
    expect(demo.recent.get_by_role("link").first).to_contain_text(MARKUP)
    expect(demo.page).to_have_title(f"completed · {MARKUP} · Runcast")
    nothing_was_parsed(demo)


def test_a_log_line_and_a_message_are_text(demo: DemoPage) -> None:
    demo.choose("Takes steps").create(N=100_000, Delay=0.05, Label=MARKUP)
    demo.has_iterations(1)
    expect(demo.lines.filter(has_text=MARKUP).first).to_be_visible()
    expect(demo.task.locator("[data-part=message]")).to_contain_text(MARKUP)
    nothing_was_parsed(demo)
    demo.cancel()


def test_a_reason_and_a_traceback_are_text(demo: DemoPage) -> None:
    demo.choose("Raises an exception").create(Message=MARKUP)
    expect(demo.task.locator("task-outcome .reason")).to_contain_text(MARKUP)
    demo.task.get_by_text("Traceback", exact=True).click()
    expect(demo.task.locator("task-outcome pre")).to_contain_text(MARKUP)
    nothing_was_parsed(demo)


def test_a_file_name_and_a_result_are_text(demo: DemoPage) -> None:
    answer = {
        "result": {"visualizations": [f"{MARKUP}.png"], MARKUP: MARKUP},
        "summary": {"constraints": [{MARKUP: MARKUP}]},
    }
    demo.page.route("**/result", lambda route: route.fulfill(body=json.dumps(answer), content_type="application/json"))
    demo.create_steps()
    expect(demo.task.locator("task-outcome .caption")).to_contain_text("<img")
    expect(demo.task.locator("task-outcome dd")).to_have_text(MARKUP)
    nothing_was_parsed(demo)
