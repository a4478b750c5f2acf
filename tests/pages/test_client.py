"""The browser's own client, without a page around it, against a scripted server and a network that fails."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from werkzeug.wrappers import Request, Response

from tests.support.scripted_server import ScriptedServer
from tests.support.servers import ROOT
from tests.support.wire import Wire

RUNNING = ("status_change", {"status": "running"})
COMPLETED = ("status_change", {"status": "completed"})
WATCH = """async ([taskId, options]) => {
  const { Connection } = await import("/static/js/connection.js");
  const { TaskStream } = await import("/static/js/task_stream.js");
  const connection = (window.connection = new Connection(location.origin));
  window.seqs = [];
  window.told = [];
  const stream = new TaskStream(connection, taskId, options);
  stream.on("event", ({ seq }) => window.seqs.push(seq));
  stream.on("reset", ({ whole }) => window.told.push(`reset ${whole}`));
  stream.on("lagged", ({ skipped }) => window.told.push(`lagged ${skipped}`));
  stream.on("end", (status) => window.told.push(status));
  connection.on("change", ({ phase }) => window.told.push(phase));
  stream.start();
  connection.open();
}"""


def static_file(path: Path) -> Callable[[Request], Response]:
    kind = mimetypes.guess_type(path.name)[0] or "text/plain"
    return lambda _: Response(path.read_bytes(), mimetype=kind)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[ScriptedServer]:
    """Serves the client's modules and an empty page beside the protocol."""
    with ScriptedServer(**getattr(request, "param", {})) as running:
        for path in (ROOT / "static" / "js").rglob("*.js"):
            running.rest["GET", f"/{path.relative_to(ROOT)}"] = static_file(path)
        for path in (ROOT / "static" / "vendor").rglob("*.js"):
            running.rest["GET", f"/{path.relative_to(ROOT)}"] = static_file(path)
        running.rest["GET", "/"] = lambda _: Response("<!doctype html><title>empty</title>", mimetype="text/html")
        running.rest["GET", "/favicon.ico"] = lambda _: Response(status=204)
        yield running


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[Wire]:
    with Wire(server.port) as relay:
        yield relay


class Client:
    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)

    def watch(self, task_id: str, since: int | None = 0) -> None:
        self.page.evaluate(WATCH, [task_id, {"since": since}])
        self.page.wait_for_function("window.seqs.length > 0")

    def has(self, last: int) -> None:
        self.page.wait_for_function("last => window.seqs.at(-1) === last", arg=last)

    def hears(self, word: str, times: int = 1) -> None:
        self.page.wait_for_function(
            "([word, times]) => window.told.filter((one) => one === word).length >= times", arg=[word, times]
        )

    @property
    def seqs(self) -> list[int]:
        return list(self.page.evaluate("window.seqs"))

    @property
    def told(self) -> list[Any]:
        return list(self.page.evaluate("window.told"))


@pytest.fixture
def client(new_page: Callable[..., Page], wire: Wire) -> Client:
    return Client(new_page(), wire.url)


def feed(server: ScriptedServer, task_id: str, n: int) -> None:
    for _ in range(n):
        server.append(task_id, "log", {})


def numbers(first: int, last: int) -> list[int]:
    return list(range(first, last + 1))


def test_cut_connections_neither_lose_nor_repeat_an_event(server: ScriptedServer, wire: Wire, client: Client) -> None:
    task = server.task(RUNNING)
    client.watch(task)
    for n in range(1, 4):
        feed(server, task, 40)
        wire.cut()
        feed(server, task, 40)
        client.hears("live", n + 1)
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert numbers(1, 242) == client.seqs
    assert 1 == client.told.count("reset true")


@pytest.mark.parametrize("server", [{"ping_interval": 1, "ping_timeout": 1}], indirect=True, ids=["short pings"])
def test_a_silent_connection_is_noticed_by_the_missed_pings(server: ScriptedServer, wire: Wire, client: Client) -> None:
    task = server.task(RUNNING)
    client.watch(task)
    wire.freeze()
    feed(server, task, 20)
    client.hears("reconnecting")
    wire.thaw(forgotten=True)
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert numbers(1, 22) == client.seqs


def test_a_page_that_comes_back_finds_its_dead_connection_at_once(
    server: ScriptedServer, wire: Wire, client: Client
) -> None:
    """The pings of this server would tell after 45 s."""
    task = server.task(RUNNING)
    client.watch(task)
    wire.freeze()
    feed(server, task, 20)
    wire.thaw(forgotten=True)
    client.page.evaluate("window.connection.check()")
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert numbers(1, 22) == client.seqs


def test_a_page_that_comes_back_keeps_a_living_connection(server: ScriptedServer, client: Client) -> None:
    task = server.task(RUNNING)
    client.watch(task)
    client.page.evaluate("window.connection.check()")
    assert "unsubscribe" == server.requests[-1][0]
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert ["connecting", "live", "reset true", "completed"] == client.told


def test_skipped_stretches_and_a_reset_in_mid_stream(server: ScriptedServer, client: Client) -> None:
    task = server.task(RUNNING)
    client.watch(task)
    for _ in range(4):
        server.append(task, "progress", {}, lose=True)
    for first, last in ((2, 3), (4, 5)):
        server.say("lagged", {"task_id": task, "from_seq": first, "to_seq": last, "skipped": 2}, task)
    feed(server, task, 1)
    client.has(6)
    server.append(task, "log", {}, lose=True)
    server.reset(task)
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert [1, 6, 1, 5, 8] == client.seqs
    assert ["reset true", "lagged 2", "lagged 2", "reset false", "completed"] == client.told[2:]


def test_a_server_that_is_away_is_waited_for_and_is_no_end(server: ScriptedServer, wire: Wire, client: Client) -> None:
    task = server.task(RUNNING)
    client.watch(task)
    wire.down()
    client.hears("reconnecting", 3)
    feed(server, task, 5)
    assert {"connecting", "live", "reset true", "reconnecting"} == set(client.told)
    wire.up()
    server.append(task, *COMPLETED)
    client.hears("completed")
    assert numbers(1, 7) == client.seqs
