"""The stock Socket.IO client of a browser, when the server stops: it comes back by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

(CLIENT,) = (ROOT / "static" / "vendor").glob("socket.io-*/socket.io.esm.min.js")
CONNECT = """async ([client, transport]) => {
  const { io } = await import(client);
  window.heard = { connects: 0, reasons: [] };
  const socket = io(`${location.origin}/tasks`, { transports: [transport] });
  socket.on("connect", () => (window.heard.connects += 1));
  socket.on("disconnect", (reason) => window.heard.reasons.push(reason));
}"""


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_the_stock_client_takes_a_stop_for_a_lost_transport(
    new_page: Callable[..., Page], start_server: Callable[..., ServerProcess], transport: str
) -> None:
    """After "io server disconnect" it would stay away."""
    server = start_server()
    page = new_page()
    page.goto(f"{server.url}/demo")
    page.evaluate(CONNECT, [f"/{CLIENT.relative_to(ROOT)}", transport])
    wait_until(lambda: page.evaluate("heard.connects") == 1)
    assert 0 == server.stop()
    wait_until(lambda: page.evaluate("heard.reasons.length") == 1)
    server.start()
    wait_until(lambda: page.evaluate("heard.connects") == 2, 30)
    assert page.evaluate("heard.reasons") in (["transport close"], ["transport error"])
