"""A real Chromium, and a page on which nothing may go wrong unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess
from tests.support.services import require

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_MS = 30_000
NETWORK = ("Failed to load resource", "WebSocket connection to", "Access to fetch at")
"""What the browser itself logs of a server that is away, or that answers with an error."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with the tests of the pages: while it lives, its event loop is the main thread's."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=require("chromium"), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`new_page(viewport=…, color_scheme=…)`; fails the test for a script error or a breach of the policy."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(NETWORK):
            faults.append(message.text)

    def make(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def demo(new_page: Callable[..., Page], server: ServerProcess) -> DemoPage:
    """The demo page of the shared server, just opened."""
    return DemoPage(new_page()).open(server.url)
