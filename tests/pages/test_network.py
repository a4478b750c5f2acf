"""What the page shows of a network that fails and of a server that could not keep everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.pages.demo_page import DemoPage
from tests.pages.test_stream import WATCH_CONNECTION, stored_lines
from tests.support.ports import free_port
from tests.support.servers import ServerProcess
from tests.support.wire import Wire

AT_ONCE_MS = 5_000
"""Shorter than the ten seconds after which the list of tasks is looked at anyway."""


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with Wire(free_port()) as relay:
        yield relay


@pytest.fixture(scope="module")
def server(wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One that is reached over the wire."""
    folder, origins = tmp_path_factory.mktemp("data"), {"RUNCAST_CORS_ORIGINS": wire.url}
    with ServerProcess(folder, port=wire.target_port, env=origins) as running:
        yield running


@pytest.fixture
def demo(new_page: Callable[..., Page], server: ServerProcess, wire: Wire) -> DemoPage:
    demo = DemoPage(new_page()).open(wire.url)
    demo.page.evaluate(WATCH_CONNECTION)
    return demo


def phases(demo: DemoPage) -> list[str]:
    return list(demo.page.evaluate("window.seenPhases"))


def ends_whole(demo: DemoPage, server: ServerProcess, task_id: str) -> None:
    """The task goes on until it is cancelled, and its log has each line once."""
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    expect(demo.lines.last).to_contain_text("cancelled")
    assert stored_lines(server, task_id)[-demo.lines.count() :] == demo.seqs()


def test_cut_connections_are_reconnects_and_each_line_is_there_once(
    demo: DemoPage, server: ServerProcess, wire: Wire
) -> None:
    task_id = demo.create_long()
    for iterations in (3, 20):
        demo.has_iterations(iterations)
        wire.cut()
        expect(demo.connection).to_have_text("Reconnecting")
        expect(demo.status).to_have_text("running")
        demo.connected()
    ends_whole(demo, server, task_id)
    assert {"Reconnecting", "Live"} == set(phases(demo))


def test_a_page_that_comes_back_replaces_a_connection_that_died_silently(
    demo: DemoPage, server: ServerProcess, wire: Wire
) -> None:
    """A laptop that was shut for a while: nothing was closed, and the pings would tell only after 45 s.

    The button works again as well: the connections that the browser kept for requests are dead too.
    """
    task_id = demo.create_long()
    demo.has_iterations(3)
    wire.freeze()
    wire.thaw(forgotten=True)
    before = len(demo.seqs())
    demo.page.evaluate("window.dispatchEvent(new Event('online'))")
    demo.page.wait_for_function("n => document.querySelectorAll('task-log li').length > n", arg=before + 20)
    expect(demo.freshness).to_contain_text("caught up to #")
    ends_whole(demo, server, task_id)
    assert ["Reconnecting", "Live"] == list(dict.fromkeys(phases(demo)))


def test_while_the_server_is_away_the_last_known_picture_stays(
    demo: DemoPage, server: ServerProcess, wire: Wire
) -> None:
    """Two truths: the connection is lost, the task runs as far as one knows. Then the list is taken again."""
    demo.create_long()
    demo.has_iterations(3)
    wire.down()
    expect(demo.connection).to_have_text("Reconnecting")
    expect(demo.freshness).to_contain_text("last known: #")
    expect(demo.status).to_have_text("running")
    requests.post(f"{server.url}/api/tasks", json={"type": "test-noop", "name": "made meanwhile"}, timeout=10)
    wire.up()
    demo.connected()
    expect(demo.recent).to_contain_text("made meanwhile", timeout=AT_ONCE_MS)
    demo.cancel()


class Speaker:
    """Speaks to a page in the name of its server, over the connection that it has."""

    def __init__(self, page: Page) -> None:
        self._connection: WebSocketRoute | None = None
        page.route_web_socket("**/socket.io/**", self._relay)

    def _relay(self, connection: WebSocketRoute) -> None:
        connection.connect_to_server()
        self._connection = connection

    def say(self, event: str, data: dict[str, Any]) -> None:
        assert self._connection is not None
        self._connection.send(f"42/tasks,{json.dumps([event, data])}")


@pytest.fixture
def speaker(new_page: Callable[..., Page]) -> tuple[Page, Speaker]:
    page = new_page()
    return page, Speaker(page)


def test_what_was_skipped_and_what_is_no_longer_stored_is_said(
    speaker: tuple[Page, Speaker], server: ServerProcess
) -> None:
    page, server_voice = speaker
    demo = DemoPage(page).open(server.url)
    task_id = demo.create_long()
    demo.press("Pause")
    expect(demo.status).to_have_text("paused")
    expect(demo.freshness).to_contain_text("caught up to #")
    resource = requests.get(f"{server.url}/api/tasks/{task_id}", timeout=10).json()
    last = resource["last_seq"]
    for first, skipped in ((last - 2, 2), (last, 40)):
        server_voice.say("lagged", {"task_id": task_id, "from_seq": first, "to_seq": last, "skipped": skipped})
    expect(demo.task).to_contain_text("42 outdated progress reports were skipped to catch up.")
    epoch = requests.get(f"{server.url}/api/tasks/{task_id}/events", timeout=10).json()["epoch"]
    answer = {"task_id": task_id, "epoch": epoch, "last_seq": last, "recovered": False, "task": resource}
    server_voice.say("subscribed", answer)
    expect(demo.task).to_contain_text("The beginning of this task's history is no longer stored")
    expect(demo.status).to_have_text("paused")
    demo.press("Resume")
    expect(demo.status).to_have_text("running")
    demo.cancel()
    expect(demo.status).to_have_text("cancelled")
    expect(demo.task).to_contain_text("The beginning of this task's history is no longer stored")
