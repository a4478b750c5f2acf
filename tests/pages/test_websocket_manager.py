"""`WebSocketManager` in Chromium, at a real server that goes and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.support.events import submit
from tests.support.servers import ServerProcess

BEGIN = """async () => {
  await import("/static/js/websocket_manager.js");
  window.heard = [];
  window.states = [];
  wsManager.onStatusChange = ({ status, tries }) => states.push([status, tries]);
  wsManager.subscribe("alerts", (message) => heard.push(message.title));
  wsManager.subscribe("stats", () => {});
  wsManager.connect();
}"""
CONNECTED = "() => wsManager.getStatus() === 'connected'"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """One that a test may stop."""
    with ServerProcess(tmp_path) as running:
        yield running


def test_it_hears_its_topics_again_after_the_server_was_away(
    new_page: Callable[..., Page], own_server: ServerProcess
) -> None:
    page = new_page()
    page.goto(own_server.url)
    page.evaluate(BEGIN)
    page.wait_for_function(CONNECTED)
    page.wait_for_function("() => wsManager.getStats().received >= 3")  # greeting, answers, stats
    submit(own_server.url, "test-raise", {}, name="first")
    page.wait_for_function("() => heard.some((title) => title.includes('first'))")
    own_server.kill()
    page.wait_for_function("() => wsManager.getStatus() === 'reconnecting' && wsManager.getStats().tries >= 2")
    assert page.evaluate("() => wsManager.send({ action: 'ping' })") is False
    assert 1 == page.evaluate("() => wsManager.getStats().waiting")
    own_server.start()
    page.wait_for_function(CONNECTED)
    page.wait_for_function("() => wsManager.getStats().waiting === 0")
    received = page.evaluate("() => wsManager.getStats().received")
    page.wait_for_function("(before) => wsManager.getStats().received >= before + 3", arg=received)
    submit(own_server.url, "test-raise", {}, name="second")
    page.wait_for_function("() => heard.some((title) => title.includes('second'))")
    states = page.evaluate("() => states")
    assert [["connecting", 0], ["connected", 0]] == states[:2]
    assert ["reconnecting", 2] in states
    assert ["connected", 0] == states[-1]
    page.evaluate("() => wsManager.disconnect()")
    assert "disconnected" == page.evaluate("() => wsManager.getStatus()")


def test_a_page_that_is_left_lets_go_of_its_connection(
    new_page: Callable[..., Page], own_server: ServerProcess
) -> None:
    page = new_page()
    page.goto(own_server.url)
    page.evaluate(BEGIN)
    page.wait_for_function(CONNECTED)
    page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert "disconnected" == page.evaluate("() => wsManager.getStatus()")
    page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pageshow'))")
    page.wait_for_function(CONNECTED)
