"""Everybody can use it: by keyboard, with a screen reader, on a narrow or a wide screen, in both themes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.demo_page import DemoPage
from tests.support.servers import ROOT, ServerProcess

UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, a, progress")]
  .filter((control) => control.checkVisibility())
  .filter((control) => !(control.labels?.length || control.textContent.trim() || control.getAttribute("aria-label")))
  .map((control) => control.outerHTML)"""

AA = 4.5
PAIRS = [
    (text, ground)
    for ground in ("surface", "page", "sunken")
    for text in ("text", "muted", "accent", "grey", "blue", "green", "amber", "red", "purple")
] + [("on-accent", "accent"), ("on-accent", "accent-strong")]


def test_the_whole_way_by_keyboard(demo: DemoPage) -> None:
    """Skip link, form, create, pause, cancel and its question: no pointer needed."""
    keyboard = demo.page.keyboard
    keyboard.press("Tab")
    expect(demo.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keyboard.press("Enter")
    tab_to(demo.page, "Max iterations")
    keyboard.press("Control+A")
    keyboard.type("100000")
    tab_to(demo.page, "More options")
    keyboard.press("Enter")
    tab_to(demo.page, "Convergence threshold")
    keyboard.press("Control+A")
    keyboard.type("0")
    tab_to(demo.page, "Create task")
    keyboard.press("Enter")
    expect(demo.title).to_be_focused()
    demo.has_iterations(1)
    tab_to(demo.page, "Pause")
    keyboard.press("Enter")
    expect(demo.status).to_have_text("paused")
    tab_to(demo.page, "Cancel")
    keyboard.press("Enter")
    expect(demo.page.get_by_role("dialog", name="Cancel this task?")).to_be_visible()
    keyboard.press("Escape")
    expect(demo.status).to_have_text("paused")
    tab_to(demo.page, "Cancel")
    keyboard.press("Enter")
    tab_to(demo.page, "Cancel the task")
    keyboard.press("Enter")
    expect(demo.status).to_have_text("cancelled")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the control of this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement; return e.labels?.[0]?.textContent ?? e.textContent.trim(); }"
        )
        if focused == name:
            return
    raise AssertionError(f"{name!r} cannot be reached by Tab")


def test_no_width_scrolls_sideways(demo: DemoPage) -> None:
    """From a phone to a wide screen, with a task, its metrics and its result on the page."""
    demo.create(Max_iterations=2, Name="a name without end " * 5)
    expect(demo.status).to_have_text("completed")
    expect(demo.task.locator("task-outcome img").first).to_be_visible()
    for width in (360, 768, 1280, 2560):
        demo.page.set_viewport_size({"width": width, "height": 800})
        assert width == demo.page.evaluate("document.documentElement.scrollWidth")


def test_every_control_has_a_name(demo: DemoPage) -> None:
    """Before a task, and with one."""
    demo.more_options()
    assert demo.page.evaluate(UNNAMED) == []
    demo.more_options()
    demo.create(Max_iterations=2)
    expect(demo.status).to_have_text("completed")
    assert demo.page.evaluate(UNNAMED) == []


def test_only_the_status_is_announced(demo: DemoPage) -> None:
    """One live region speaks of the connection and the task's state; percentages are left in peace."""
    demo.page.evaluate(
        """() => { window.heard = []; const region = document.querySelector("#announcer");
        new MutationObserver(() => window.heard.push(region.textContent)).observe(region, { childList: true }); }"""
    )
    demo.create_steps(20)
    expect(demo.status).to_have_text("completed")
    expect(demo.page.locator("#announcer")).to_have_text("Task completed")
    assert all(re.fullmatch(r"Task \w+|Connection: \w+", said) for said in demo.page.evaluate("window.heard"))


def test_the_task_id_is_copied_by_a_click(new_page: Callable[..., Page], server: ServerProcess) -> None:
    demo = DemoPage(new_page(permissions=["clipboard-read", "clipboard-write"])).open(server.url)
    task_id = demo.create_steps()
    demo.task.get_by_role("button", name=f"Copy the task id {task_id}").click()
    expect(demo.task.get_by_text("Copied")).to_be_visible()
    assert task_id == demo.page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=lambda name: str(name))
def test_text_has_contrast_enough(theme: str, text: str, ground: str) -> None:
    """WCAG AA, 4.5 to 1, for each colour of text on each ground."""
    colours = tokens(theme)
    assert contrast(colours[text], colours[ground]) >= AA


def tokens(theme: str) -> dict[str, str]:
    light, dark = Path(ROOT, "static/css/tokens.css").read_text().split("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", light))
    return found if theme == "light" else found | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", dark))


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    red, green, blue = (int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4))
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
