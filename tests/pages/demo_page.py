"""The demo page as a person meets it: found by label, role and text."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

REACHED = """least => {
  const shown = document.querySelector("[data-part=iteration]")?.textContent.match(/\\d+/);
  return Number(shown ?? 0) >= least;
}"""


class DemoPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.task = page.get_by_role("region", name="Task", exact=True)
        self.title = self.task.get_by_role("heading", level=2)
        self.status = self.task.locator("task-head .badge")
        self.iteration = self.task.locator("[data-part=iteration]")
        self.progress = self.task.get_by_role("progressbar", name="Progress")
        self.log = self.task.get_by_role("log")
        self.lines = self.log.get_by_role("listitem")
        self.connection = page.locator("connection-badge .badge")
        self.freshness = page.locator("[data-part=freshness]")
        self.create_button = page.get_by_role("button", name="Create task")
        self.recent = page.get_by_role("region", name="Recent tasks")

    def open(self, url: str, query: str = "") -> Self:
        self.page.goto(f"{url}/demo{query}")
        return self.connected()

    def connected(self) -> Self:
        expect(self.connection).to_have_text("Live")
        return self

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(re.compile(f"^{re.escape(label)}( required)?$"))

    def more_options(self) -> Self:
        self.page.get_by_text("More options").click()
        return self

    def choose(self, kind: str) -> Self:
        self.field("Kind of work").select_option(label=kind)
        return self

    def create(self, **fields: object) -> str:
        """Fill fields, named by their labels with `_` for a blank, and create; returns the task's id."""
        self.more_options()
        for label, value in fields.items():
            self.field(label.replace("_", " ")).fill(str(value))
        self.create_button.click()
        expect(self.page).to_have_url(re.compile(r"\?task="))
        expect(self.title).to_be_visible()
        return self.task_id

    def create_steps(self, n: int = 3, delay: float = 0.05, name: str = "") -> str:
        """A task of so many steps, which reports and logs each of them."""
        return self.choose("Takes steps").create(N=n, Delay=delay, Name=name)

    def create_long(self) -> str:
        """A task that is still busy when a test has done with it."""
        return self.create_steps(n=100_000)

    @property
    def task_id(self) -> str:
        return parse_qs(urlsplit(self.page.url).query)["task"][0]

    def has_iterations(self, least: int) -> None:
        """Wait until so many iterations were seen."""
        self.page.wait_for_function(REACHED, arg=least)

    def seqs(self) -> list[int]:
        """The numbers of the log lines on the page, from the top."""
        return [int(seq) for seq in self.lines.evaluate_all("rows => rows.map(row => row.dataset.seq)")]

    def press(self, button: str) -> None:
        self.task.get_by_role("button", name=button, exact=True).click()

    def cancel(self) -> None:
        self.press("Cancel")
        self.page.get_by_role("button", name="Cancel the task").click()
