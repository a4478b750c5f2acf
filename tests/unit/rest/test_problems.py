"""Every exception of a route becomes one shape."""

from __future__ import annotations

import json

import pytest
from flask import Flask, abort

from api.errors import Conflict, Flaw, InvalidInput, NotFound, Unavailable
from api.rest.problems import CONTENT_TYPE, register_problems

ERRORS = {
    "missing": (NotFound(), 404, "urn:runcast:problem:not_found"),
    "conflict": (Conflict("not now"), 409, "urn:runcast:problem:conflict"),
    "invalid": (InvalidInput(flaws=[Flaw(("params", 0, "n"), "is odd")]), 422, "urn:runcast:problem:invalid"),
    "down": (Unavailable(), 503, "urn:runcast:problem:unavailable"),
    "bug": (ZeroDivisionError("secret"), 500, "urn:runcast:problem:internal"),
}


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("problems")
    register_problems(app)

    @app.get("/raise/<name>")
    def raises(name: str) -> str:
        raise ERRORS[name][0]

    @app.get("/abort/<int:status>")
    def aborts(status: int) -> str:
        abort(status)

    return app


@pytest.mark.parametrize(("name", "status", "kind"), [(name, *rest[1:]) for name, rest in ERRORS.items()])
def test_an_error_has_its_status_and_type(app: Flask, name: str, status: int, kind: str) -> None:
    answer = app.test_client().get(f"/raise/{name}")
    problem = json.loads(answer.data)
    assert (answer.status_code, answer.content_type) == (status, CONTENT_TYPE)
    assert (problem["status"], problem["type"], problem["error"]) == (status, kind, problem["detail"])
    assert "secret" not in answer.text
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_wrong_values_are_listed_with_their_place(app: Flask) -> None:
    problem = app.test_client().get("/raise/invalid").get_json(force=True)
    assert problem["errors"] == [{"loc": ["params", 0, "n"], "msg": "is odd"}]
    assert problem["detail"] == "params.0.n: is odd"


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 416, 429])
def test_what_flask_refuses_has_the_same_shape(app: Flask, status: int) -> None:
    answer = app.test_client().get(f"/abort/{status}")
    assert (answer.status_code, answer.content_type) == (status, CONTENT_TYPE)
    assert json.loads(answer.data)["status"] == status
