"""The stock Socket.IO client of a browser, when the server stops: it comes back by itself."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until

(CLIENT,) = (ROOT / "static" / "vendor").glob("socket.io-*/socket.io.esm.min.js")
TRANSPORTS = ["websocket", "polling"]
CONNECT = """async ([client, transports]) => {
  const { io } = await import(client);
  window.heard = transports.map((transport) => {
    const heard = { connects: 0, reasons: [] };
    const socket = io(`${location.origin}/tasks`, { transports: [transport], forceNew: true });
    socket.on("connect", () => (heard.connects += 1));
    socket.on("disconnect", (reason) => heard.reasons.push(reason));
    return heard;
  });
}"""


def test_the_stock_client_takes_a_stop_for_a_lost_transport(
    new_page: Callable[..., Page], start_server: Callable[..., ServerProcess]
) -> None:
    """By each transport. After "io server disconnect" it would stay away."""
    server = start_server()
    page = new_page()
    page.goto(f"{server.url}/demo")
    page.evaluate(CONNECT, [f"/{CLIENT.relative_to(ROOT)}", TRANSPORTS])
    wait_until(lambda: page.evaluate("heard.every(({ connects }) => connects === 1)"))
    assert 0 == server.stop()
    wait_until(lambda: page.evaluate("heard.every(({ reasons }) => reasons.length === 1)"))
    server.start()
    wait_until(lambda: page.evaluate("heard.every(({ connects }) => connects === 2)"), 30)
    for heard in page.evaluate("heard"):
        assert heard["reasons"] in (["transport close"], ["transport error"])
