"""The routes that answer with a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from api.pages.headers import secure_headers, styled_inline

Greet = Callable[[Mapping[str, Any]], list[tuple[str, str]]]


def create_pages(*, open_warning: bool, greet: Greet) -> Blueprint:
    """`/`, `/demo`, `/training`, `/tasks/<id>`, `/docs`; `open_warning` puts the banner of `RUNCAST_OPEN=1` on each.

    `greet` gives the headers that a page brings beyond its own, by the WSGI environment of its request.
    """
    pages = Blueprint("pages", __name__)
    pages.after_app_request(secure_headers)

    @pages.after_request
    def greeted(response: Response) -> Response:
        response.headers.extend(greet(request.environ))
        return response

    @pages.context_processor
    def banner() -> dict[str, bool]:
        return {"open_warning": open_warning}

    @pages.get("/")
    def index() -> BaseResponse:
        return redirect(url_for("pages.demo"))

    @pages.get("/demo")
    def demo() -> str:
        return render_template("demo.html")

    @pages.get("/training")
    def training() -> str:
        return render_template("training.html")

    @pages.get("/tasks/<task_id>")
    def task(task_id: str) -> BaseResponse:
        return redirect(url_for("pages.demo", task=task_id))

    @pages.get("/docs")
    def docs() -> Response:
        return styled_inline(make_response(render_template("docs.html")))

    return pages
