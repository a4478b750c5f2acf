"""The pages' addresses, their headers and the API reference."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from flask import Flask
from playwright.sync_api import Page, expect

from api.pages import create_pages
from tests.support.servers import ROOT, ServerProcess

WARNING = "This server runs open."


def get(url: str) -> requests.Response:
    return requests.get(url, timeout=10, allow_redirects=False)


@pytest.mark.parametrize(("path", "target"), [("/", "/demo"), ("/tasks/abc", "/demo?task=abc")])
def test_addresses_lead_to_the_demo(server: ServerProcess, path: str, target: str) -> None:
    """The root, and the page that a task's links name."""
    answer = get(server.url + path)
    assert (302, target) == (answer.status_code, answer.headers["Location"])


@pytest.mark.parametrize("path", ["/demo", "/docs", "/static/js/pages/demo.js", "/api/health", "/nowhere"])
def test_every_answer_has_the_protecting_headers(server: ServerProcess, path: str) -> None:
    """No script but the server's own, no frame around it, no guessed type."""
    headers = get(server.url + path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert "'self'" == policy["default-src"] == policy["script-src"]
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_only_the_api_reference_may_style_inline(server: ServerProcess) -> None:
    """Swagger UI writes style attributes; nothing else here does."""
    assert "'unsafe-inline'" not in get(f"{server.url}/demo").headers["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in get(f"{server.url}/docs").headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/demo", "/docs"])
def test_pages_load_nothing_from_elsewhere(new_page: Callable[..., Page], server: ServerProcess, path: str) -> None:
    """No CDN, no fonts, no pixel."""
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url + path, wait_until="load")
    expect(page.locator(".opblock, task-form form").first).to_be_visible()
    assert all(url.startswith((server.url, "data:", "blob:")) for url in asked), asked


def test_templates_have_no_inline_script_or_style() -> None:
    for template in Path(ROOT, "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), template.name


def test_no_module_parses_text_as_html() -> None:
    """`textContent` only, wherever a task's words reach the page."""
    for module in Path(ROOT, "static/js").rglob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", module.read_text()), (
            module.name
        )


def test_the_api_reference_lists_the_operations(new_page: Callable[..., Page], server: ServerProcess) -> None:
    page = new_page()
    page.goto(f"{server.url}/docs")
    for path in ("/api/tasks", "/api/workloads"):
        expect(page.locator(f'.opblock [data-path="{path}"]').first).to_be_visible()


@pytest.mark.parametrize("open_warning", [True, False])
@pytest.mark.parametrize("path", ["/demo", "/docs"])
def test_a_server_that_runs_open_says_so_on_every_page(path: str, open_warning: bool) -> None:
    app = Flask("pages", root_path=str(ROOT), template_folder="templates", static_folder="static")
    app.register_blueprint(create_pages(open_warning=open_warning, greet=lambda _: []))
    with app.test_client() as client:
        assert open_warning == (WARNING in client.get(path).get_data(as_text=True))
