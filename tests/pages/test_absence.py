"""The browser's modules, away for 30 s amid 1,000 events: each of them once and in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.absence import EVENTS, PATIENCE, TICKS, go_away
from tests.support.events import history, submit
from tests.support.servers import ROOT, ServerProcess
from tests.support.waiting import wait_until
from tests.support.wire import Wire

(CLIENT,) = (ROOT / "static" / "vendor").glob("socket.io-*/socket.io.esm.min.js")
TRANSPORTS = ["websocket", "polling"]
FOLLOW = """async ([client, taskId, transports]) => {
  const { io } = await import(client);
  const { Connection } = await import("/static/js/connection.js");
  const { TaskStream } = await import("/static/js/task_stream.js");
  window.followed = {};
  for (const transport of transports) {
    const seen = (window.followed[transport] = { events: [], told: [], transport: null, end: null });
    const connect = (address, options) => io(address, { ...options, transports: [transport] });
    const connection = new Connection(location.origin, { connect });
    const stream = new TaskStream(connection, taskId, { since: 0 });
    stream.on("event", (envelope) => seen.events.push(envelope));
    for (const name of ["reset", "resumed", "lagged", "refused"]) stream.on(name, () => seen.told.push(name));
    stream.on("end", (status) => (seen.end = status));
    connection.on("change", ({ phase }) => phase === "reconnecting" && seen.told.push(phase));
    stream.start();
    connection.open();
  }
}"""


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_page_that_is_away_for_30_s_misses_nothing(new_page: Callable[..., Page], server: ServerProcess) -> None:
    """Over WebSocket and over polling, side by side."""
    page = new_page()
    with Wire(server.port) as wire:
        page.goto(f"{wire.url}/demo")
        task_id = submit(server.url, "test-ticks", TICKS)
        address = f"/{CLIENT.relative_to(ROOT)}"
        page.evaluate(FOLLOW, [address, task_id, TRANSPORTS])
        go_away(wire, lambda: page.evaluate("Math.min(...Object.values(followed).map((seen) => seen.events.length))"))
        ended = "Object.values(followed).every((seen) => seen.end !== null)"
        wait_until(lambda: page.evaluate(ended), PATIENCE, interval=0.2)
        followed: dict[str, dict[str, Any]] = page.evaluate("followed")
    stored = history(server.url, task_id)
    assert len(stored) > EVENTS
    for transport in TRANSPORTS:
        seen = followed[transport]
        assert stored == seen["events"], transport
        assert ("completed", "reset", "resumed") == (seen["end"], seen["told"][0], seen["told"][-1])
        assert {"reset", "resumed", "reconnecting"} == set(seen["told"])
