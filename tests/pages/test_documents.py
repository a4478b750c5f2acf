"""Documents sent by the form, indexed, and looked through on the page of their task."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.pages.demo_page import DemoPage

HOSTILE = "<img src=x onerror=\"document.title='hacked'\">"


def test_documents_are_sent_indexed_and_searched(demo: DemoPage, tmp_path: Path) -> None:
    (tmp_path / "batteries.md").write_text(f"# Batteries 🔋\n\n🔋🔋 The voltage of a battery falls. {HOSTILE}")
    (tmp_path / "panels.txt").write_text("Solar panels have a voltage too")
    for number in range(12):
        (tmp_path / f"more{number}.txt").write_text(f"thermal paste {number}")
    demo.choose("Document index")
    with demo.page.expect_file_chooser() as chooser:
        demo.page.get_by_role("button", name="Upload files…").click()
    chooser.value.set_files(sorted(tmp_path.iterdir()))
    expect(demo.page.get_by_text("Sent: 14 files")).to_be_visible()
    assert demo.field("Folder").input_value().startswith("uploads/")
    demo.create_button.click()
    search = demo.task.get_by_role("search")
    search.get_by_label("Search the documents").fill("voltage battery")
    search.get_by_role("button", name="Search").click()
    hits = demo.task.locator("task-search li")
    expect(hits).to_have_count(1)
    expect(hits.locator("mark")).to_have_text(["voltage", "battery"])
    assert "hacked" not in demo.page.title()
    search.get_by_label("Search the documents").fill("thermal")
    search.get_by_label("Search the documents").press("Enter")
    expect(hits).to_have_count(10)
    expect(demo.task.get_by_text("10 of 12 found")).to_be_visible()
    demo.task.get_by_role("button", name="More").click()
    expect(hits).to_have_count(12)
    search.get_by_label("Search the documents").fill("nowhere")
    search.get_by_label("Search the documents").press("Enter")
    expect(demo.task.get_by_text("Nothing found")).to_be_visible()
    expect(hits).to_have_count(0)


def test_a_refused_upload_is_told_at_its_field(demo: DemoPage, tmp_path: Path) -> None:
    (tmp_path / ("x" * 210)).write_text("{}")
    with demo.page.expect_file_chooser() as chooser:
        demo.page.get_by_role("button", name="Upload a file…").first.click()
    chooser.value.set_files(tmp_path / ("x" * 210))
    expect(demo.field("BOM file")).to_have_attribute("aria-invalid", "true")
    (tmp_path / "bom.json").write_text("{}")
    with demo.page.expect_file_chooser() as chooser:
        demo.page.get_by_role("button", name="Upload a file…").first.click()
    chooser.value.set_files(tmp_path / "bom.json")
    expect(demo.page.get_by_text("Sent: bom.json")).to_be_visible()
    expect(demo.field("BOM file")).to_have_attribute("aria-invalid", "false")


def test_tasks_that_leave_nothing_to_search_have_no_search(demo: DemoPage) -> None:
    demo.choose("Does nothing")
    demo.create_button.click()
    expect(demo.task.get_by_text("It finished without a result to show.")).to_be_visible()
    expect(demo.task.get_by_role("search")).to_have_count(0)
