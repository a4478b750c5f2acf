"""A task that runs elsewhere: the page offers what can be done from here, and no more."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from api.client import APIClient
from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess


def test_a_task_that_runs_elsewhere_can_only_be_cancelled(new_page: Callable[..., Page], server: ServerProcess) -> None:
    demo = DemoPage(new_page())
    with APIClient(server.url) as client:
        task_id = client.create_task(type="external", name="elsewhere")["task_id"]
        demo.open(server.url, f"?task={task_id}")
        button = demo.task.get_by_role("button", name="Cancel", exact=True)
        expect(button).to_be_visible()
        expect(demo.task.get_by_role("button", name="Pause")).to_be_hidden()
        button.click()
        demo.page.get_by_role("button", name="Cancel the task").click()
        expect(demo.status).to_have_text("cancelled")
        expect(demo.page.get_by_role("button", name="Use these parameters again")).to_be_hidden()


def test_the_form_offers_what_this_server_runs(demo: DemoPage) -> None:
    kinds = demo.field("Kind of work").get_by_role("option")
    expect(kinds.filter(has_text="Satellite layout")).to_have_count(1)
    expect(kinds.filter(has_text="Reported from elsewhere")).to_have_count(0)
