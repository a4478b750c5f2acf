"""A task that runs and has reported nothing for long: as picture and word, in its head and in the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from api.client import APIClient
from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess


def step(number: int) -> dict[str, Any]:
    return {"event_type": "progress", "data": {"current_iteration": number, "max_iterations": 4}}


def test_a_silent_task_is_shown_as_stalled_until_it_reports_again(
    start_server: Callable[..., ServerProcess], new_page: Callable[..., Page]
) -> None:
    server = start_server(env={"RUNCAST_STALLED_SECONDS": "1"})
    demo = DemoPage(new_page())
    with APIClient(server.url) as client:
        task_id = client.create_task(type="external", name="silent")["task_id"]
        client.append_events(task_id, [step(1)])
        demo.open(server.url, f"?task={task_id}")
        badges = [demo.task.locator(".status .badge"), demo.page.locator(f'a[data-task-id="{task_id}"] .badge')]
        for _ in range(2):
            for badge in badges:
                expect(badge).to_have_text("stalled")
                expect(badge.locator("use")).to_have_attribute("href", "#icon-warning")
            demo.page.reload()
        client.append_events(task_id, [step(2)])
        expect(badges[0]).to_have_text("running")
        expect(badges[1]).to_have_text("running")
