"""All routes of the API, and its document."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, jsonify
from spectree import SpecTree

from api.rest.batches import create_batches
from api.rest.bom import create_bom
from api.rest.document import completed, create_spec
from api.rest.files import create_files
from api.rest.history import create_history
from api.rest.meta import create_meta
from api.rest.parts import Parts
from api.rest.results import create_results
from api.rest.rules import create_rules
from api.rest.schedules import create_schedules
from api.rest.search import create_search
from api.rest.stream import create_stream
from api.rest.tasks import create_tasks
from api.rest.training import create_training

__all__ = ["BASE", "create_spec", "register_rest"]
BASE = "/api"


def register_rest(app: Flask, spec: SpecTree, parts: Parts) -> None:
    app.url_map.merge_slashes = False  # an address with an empty part is missing, and redirects nowhere
    factories = (
        create_meta,
        create_tasks,
        create_batches,
        create_schedules,
        create_rules,
        create_history,
        create_stream,
        create_results,
        create_search,
        create_bom,
        create_files,
        create_training,
    )
    for factory in factories:
        app.register_blueprint(factory(parts), url_prefix=BASE)
    with app.app_context():
        document = completed(spec.spec, parts.workloads)
    app.register_blueprint(_document(document))


def _document(document: dict[str, object]) -> Blueprint:
    blueprint = Blueprint("openapi", __name__)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        """The OpenAPI 3.1 document of this server."""
        return jsonify(document)

    return blueprint
