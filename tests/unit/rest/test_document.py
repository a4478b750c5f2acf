"""/openapi.json, as it is made from the contracts: valid, and true in what it says of media types."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Blueprint, Flask
from pydantic import BaseModel

from api.rest.contract import Contract
from api.rest.document import completed, create_spec
from api.rest.problems import register_problems
from api.rest.schemas import ExperimentQuery, IdempotencyHeaders, TaskCreate, TaskCreated


class Answer(BaseModel):
    n: int


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("document")
    register_problems(app)
    spec = create_spec("1.2.3")
    contract = Contract(spec)
    blueprint = Blueprint("routes", __name__)

    @blueprint.post("/things")
    @contract(body=TaskCreate, headers=IdempotencyHeaders, ok={201: TaskCreated}, fails=(409,))
    def create_thing(body: TaskCreate, headers: IdempotencyHeaders) -> dict[str, Any]:
        """Make one."""
        return {"key": headers.idempotency_key, "type": body.type}

    @blueprint.get("/things/<task_id>")
    @contract(ok={200: Answer, 503: Answer})
    def get_thing(task_id: str) -> dict[str, int]:
        return {"n": len(task_id)}

    @blueprint.get("/things")
    @contract(query=ExperimentQuery, ok={200: Answer})
    def list_things(query: ExperimentQuery) -> dict[str, int]:
        return {"n": query.limit}

    app.register_blueprint(blueprint)
    with app.app_context():
        app.extensions["document"] = completed(spec.spec, ["b", "a"])
    return app


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return dict(app.extensions["document"])


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    responses = document["paths"]["/things"]["post"]["responses"]
    assert {"400", "403", "404", "405", "409", "413", "415", "422", "500", "503"} <= responses.keys()
    for status, response in responses.items():
        kind = "application/problem+json" if status >= "400" else "application/json"
        assert list(response["content"]) == [kind], status


def test_an_answer_of_its_own_wins_over_the_problem(document: dict[str, Any]) -> None:
    content = document["paths"]["/things/{task_id}"]["get"]["responses"]["503"]["content"]
    assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}


def test_a_route_that_takes_no_input_has_no_422(document: dict[str, Any]) -> None:
    assert "422" not in document["paths"]["/things/{task_id}"]["get"]["responses"]


def test_headers_and_path_are_described(document: dict[str, Any]) -> None:
    (key,) = document["paths"]["/things"]["post"]["parameters"]
    assert (key["name"], key["in"], key["required"]) == ("Idempotency-Key", "header", False)
    assert key["schema"]["type"] == "string"
    assert "default" not in key["schema"]
    (task_id,) = document["paths"]["/things/{task_id}"]["get"]["parameters"]
    assert task_id["description"] == "The id of a task."


def test_the_types_of_task_are_listed(document: dict[str, Any]) -> None:
    kinds = document["components"]["schemas"]["TaskCreate"]["properties"]["type"]["anyOf"]
    assert kinds[0] == {"type": "string", "enum": ["a", "b"]}


def test_what_is_sent_arrives_checked(app: Flask) -> None:
    client = app.test_client()
    made = client.post("/things", json={"type": "a"}, headers={"Idempotency-Key": "k"})
    assert made.get_json() == {"key": "k", "type": "a"}
    assert client.get("/things?limit=7").get_json() == {"n": 7}
    refused = client.get("/things?limit=7&limit=8")
    assert (refused.status_code, refused.get_json()["errors"][0]["loc"]) == (422, ["limit"])
