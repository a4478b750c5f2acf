"""The browser's own `WebSocket` at the addresses of the older systems."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.support.events import submit
from tests.support.servers import ServerProcess

LISTEN = """(path) => new Promise((resolve) => {
  const messages = [];
  const socket = new WebSocket(location.origin.replace("http", "ws") + path);
  socket.onopen = () => socket.send("ping");
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data));
  socket.onclose = ({ code, reason, wasClean }) => resolve({ messages, code, reason, wasClean });
})"""


def test_a_page_hears_a_task_to_its_end(new_page: Callable[..., Page], server: ServerProcess) -> None:
    page = new_page()
    page.goto(server.url)
    task = submit(server.url, "test-steps", {"n": 3, "delay": 0.2})
    heard = page.evaluate(LISTEN, f"/ws/task/{task}")
    kinds = [message["type"] for message in heard["messages"]]
    assert (1000, True, "connected", "complete") == (heard["code"], heard["wasClean"], kinds[0], kinds[-1])
    assert {"pong", "progress"} <= set(kinds)


def test_a_page_hears_why_it_may_not_listen(new_page: Callable[..., Page], server: ServerProcess) -> None:
    page = new_page()
    page.goto(server.url)
    heard = page.evaluate(LISTEN, "/ws/task/none")
    assert {"messages": [], "code": 1008, "reason": "There is no such task.", "wasClean": True} == heard
