"""The form that is made from a workload's schema."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.pages.demo_page import DemoPage


def test_the_servers_errors_stand_at_the_fields_they_name(demo: DemoPage) -> None:
    """422: each sentence at its field, the first one in focus, folded options opened."""
    demo.more_options()
    demo.field("Seed").fill("-1")
    demo.more_options()
    demo.field("BOM file").fill("../../etc/passwd")
    demo.field("Max iterations").fill("0")
    demo.create_button.click()
    for label, says in [
        ("BOM file", "no such file"),
        ("Max iterations", "greater than or equal to 1"),
        ("Seed", "greater than or equal to 0"),
    ]:
        field = demo.field(label)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(_containing(says))
    expect(demo.field("BOM file")).to_be_focused()
    demo.field("Max iterations").fill("5")
    expect(demo.field("Max iterations")).to_have_attribute("aria-invalid", "false")


def test_an_error_of_no_single_field_stands_above_the_button(demo: DemoPage) -> None:
    """Neither bom_file nor bom: a rule between fields."""
    demo.field("BOM file").fill("")
    demo.create_button.click()
    expect(demo.page.locator("task-form [role=alert]")).to_contain_text("exactly one of bom_file and bom")


def test_what_is_not_json_is_told_before_it_is_sent(demo: DemoPage) -> None:
    """The field says so itself, and no task is made."""
    demo.more_options()
    demo.field("BOM").fill("{oops")
    demo.create_button.click()
    expect(demo.field("BOM")).to_have_accessible_description(_containing("This is not JSON"))
    expect(demo.task).to_contain_text("No task is open")


def test_the_form_speaks_the_schemas_words(demo: DemoPage) -> None:
    """Labels, descriptions and defaults are the workload's own."""
    expect(demo.field("BOM file")).to_have_value("config/bom_example.json")
    expect(demo.field("BOM file")).to_have_accessible_description(_containing("JSON, YAML or CSV"))
    expect(demo.field("Max iterations")).to_have_value("20")
    expect(demo.field("Seed")).to_be_hidden()


def _containing(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))
