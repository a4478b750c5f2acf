"""Browsers and a Python client with one list, by the Socket.IO client that the pages have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.support.devices import Devices
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

CLIENT = "/static/vendor/socket.io-4.8.4/socket.io.esm.min.js"
JOIN = """async (client) => {
  const { io } = await import(client);
  window.list = null;
  window.heard = [];
  window.device = io({ forceNew: true });
  const find = (id) => list.find((task) => task.id === parseInt(id));
  const drop = (name) => (message) => {
    heard.push([name, message]);
    list = list.filter((task) => task.id !== message.id);
  };
  device.on("active_tasks", ({ tasks }) => { list = tasks; });
  device.on("task_created", (task) => list.push(task));
  device.on("task_progress", ({ id, progress }) => { find(id).progress = progress; });
  device.on("task_completed", drop("completed"));
  device.on("task_failed", drop("failed"));
}"""
SAY = """([name, message]) => device.timeout(20000).emitWithAck(name, message)"""


def join(page: Page, server: ServerProcess) -> Page:
    page.goto(f"{server.url}/demo")
    page.evaluate(JOIN, CLIENT)
    eventually(page, "() => list !== null")
    return page


def say(page: Page, event: str, **message: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(SAY, [event, message])
    return answer


def eventually(page: Page, expression: str, argument: Any = None) -> Any:
    """The first value that is one. (The policy of our pages forbids what Playwright would wait with.)"""
    values: list[Any] = []
    wait_until(lambda: values.append(page.evaluate(expression, argument)) or values[-1], 20, lambda: expression)
    return values[-1]


def shown(page: Page, task_id: str) -> dict[str, Any]:
    """The task in this page's list."""
    task: dict[str, Any] = eventually(page, "(id) => list.find((task) => task.task_id === id)", task_id)
    return task


def test_two_browsers_and_a_script_share_one_list(new_page: Callable[..., Page], server: ServerProcess) -> None:
    with Devices(server.url) as devices:
        phone, laptop, script = join(new_page(), server), join(new_page(), server), devices("script")
        begun = say(phone, "task_created", id=1, formData={"text": "Grüße"}, mode="paint", startTime=1)["task_id"]
        theirs = script.begin(1, mode="count")
        assert (1, "paint") == (shown(phone, begun)["id"], shown(phone, begun)["mode"])
        allotted = script.number_of(begun)
        assert allotted == shown(laptop, begun)["id"]
        assert shown(phone, theirs)["id"] == shown(laptop, theirs)["id"] > 1

        assert say(phone, "task_progress", id=1, progress=40, message="half-way")["ok"]
        eventually(laptop, "(id) => list.find((task) => task.id === id)?.progress === 40", allotted)
        assert "not_found" == say(laptop, "task_progress", id=1, progress=99)["code"]

        join(phone, server)  # loaded anew: the cookie says which device it is
        assert (1, 40) == (shown(phone, begun)["id"], shown(phone, begun)["progress"])
        assert say(phone, "task_completed", id=1, result={"picture": "p.png"})["ok"]
        eventually(laptop, "(id) => !list.some((task) => task.id === id)", allotted)
        assert {"picture": "p.png"} == script.wait_for("task_completed", id=allotted)["result"]
        script.say("task_failed", id=1, error="no luck")
        eventually(laptop, "() => heard.some(([name, { error }]) => name === 'failed' && error === 'no luck')")
