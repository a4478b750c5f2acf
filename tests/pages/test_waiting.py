"""A task that waits for others, on its page."""

from __future__ import annotations

from playwright.sync_api import expect

from api.client import APIClient
from tests.pages.demo_page import DemoPage
from tests.support.servers import ServerProcess


def test_the_page_links_to_what_a_task_waits_for_until_it_has_completed(demo: DemoPage, server: ServerProcess) -> None:
    """Whoever asks why it does not start finds the answer, and the way there."""
    with APIClient(server.url) as client:
        first, second = (client.create_task(type="external", name=name)["task_id"] for name in ("one", "two"))
        child = client.create_task(type="test-noop", depends_on=[first, second])["task_id"]
        demo.open(server.url, f"?task={child}")
        waits = demo.task.locator(".waits")
        expect(waits).to_have_text(f"Waits for {first[:8]} {second[:8]}")
        client.append_events(first, [{"event_type": "status_change", "data": {"status": "completed"}}])
        expect(waits).to_have_text(f"Waits for {second[:8]}")
        waits.get_by_role("link", name=second[:8]).click()
        expect(demo.title).to_have_text("two")
        expect(waits).to_be_hidden()
        demo.page.go_back()
        expect(demo.title).to_have_text("test-noop")
        client.append_events(second, [{"event_type": "status_change", "data": {"status": "completed"}}])
        expect(demo.status).to_have_text("completed")
        expect(waits).to_be_hidden()
