"""The live log: follows, waits for a reader, stays bounded."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.pages.demo_page import DemoPage


def test_the_log_follows_until_one_scrolls_up_and_offers_the_way_back(demo: DemoPage) -> None:
    """Scrolled up, the lines stay where they are and the new ones are counted."""
    demo.create_long()
    scrolled_over = "log => log.scrollHeight > log.clientHeight + 100"
    demo.page.wait_for_function(f"() => ({scrolled_over})(document.querySelector('[role=log]'))")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 24"
    assert demo.log.evaluate(at_end)
    demo.log.evaluate("log => log.scrollTo(0, 0)")
    jump = demo.task.get_by_role("button", name=re.compile(r"Jump to latest \(\d+ new\)"))
    expect(jump).to_be_visible()
    assert demo.log.evaluate("log => log.scrollTop") == 0
    jump.click()
    expect(jump).to_be_hidden()
    assert demo.log.evaluate(at_end)
    demo.cancel()


def test_a_line_that_comes_at_the_moment_of_scrolling_up_does_not_undo_it(demo: DemoPage) -> None:
    demo.create_long()
    scrolled_over = "log => log.scrollHeight > log.clientHeight + 100"
    demo.page.wait_for_function(f"() => ({scrolled_over})(document.querySelector('[role=log]'))")
    late = {"seq": 10**9, "at": "2026-01-02T03:04:05Z", "level": "info", "message": "late"}
    show = "(log, line) => log.closest('task-log').show({ log: [line], logDropped: 0 }, '#')"
    assert demo.log.evaluate(f"(log, line) => {{ ({show})(log, line); return log.scrollTop; }}", late) > 0
    scrolled = f"(log, line) => {{ log.scrollTo(0, 0); ({show})(log, line); return log.scrollTop; }}"
    assert demo.log.evaluate(scrolled, late | {"seq": 10**9 + 1}) == 0
    expect(demo.task.get_by_role("button", name="Jump to latest (1 new)")).to_be_visible()
    demo.cancel()


def test_levels_are_words(demo: DemoPage) -> None:
    """Not by colour alone."""
    demo.choose("Says something in every way").create()
    expect(demo.status).to_have_text("completed")
    expect(demo.lines.filter(has=demo.page.get_by_text("info", exact=True)).first).to_be_visible()
    expect(demo.lines.filter(has=demo.page.get_by_text("warning", exact=True)).first).to_be_visible()
