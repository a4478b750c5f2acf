"""All routes of the API, and its document."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, jsonify
from spectree import SpecTree

from api.rest.bom import create_bom
from api.rest.history import create_history
from api.rest.meta import create_meta
from api.rest.parts import Parts
from api.rest.problems import CONTENT_TYPE
from api.rest.results import create_results
from api.rest.stream import create_stream
from api.rest.tasks import create_tasks

BASE = "/api"
_PLAIN = {
    "get_artifact": "application/octet-stream",
    "get_visualization": "application/octet-stream",
    "get_metrics": "text/plain",
    "stream_task": "text/event-stream",
}


def create_spec(version: str) -> SpecTree:
    return SpecTree(
        "flask",
        title="Runcast",
        version=version,
        description="Submit long-running work, watch it live, control it, find it again.",
        mode="strict",
        annotations=False,
        page_templates={},
    )


def register_rest(app: Flask, spec: SpecTree, parts: Parts) -> None:
    factories = (create_meta, create_tasks, create_history, create_stream, create_results, create_bom)
    for factory in factories:
        app.register_blueprint(factory(parts), url_prefix=BASE)
    app.register_blueprint(_document(app, spec))


def _document(app: Flask, spec: SpecTree) -> Blueprint:
    blueprint = Blueprint("openapi", __name__)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        """The OpenAPI 3.1 document of this server."""
        spec.app = app
        return jsonify(_completed(spec.spec))

    return blueprint


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """What spectree leaves out: the media types of problems and of files, and stable operation ids."""
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if status >= "400" and "application/json" in content:
                    content[CONTENT_TYPE] = content.pop("application/json")
    return document
