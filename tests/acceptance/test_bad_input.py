"""Bad input to REST: bodies and params (guarantees 20 and 21), and one shape for every error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.acceptance.main_job import follow, submit
from tests.support.problems import assert_problem, named
from tests.support.servers import ServerProcess

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def ended(server: ServerProcess) -> str:
    task_id = submit(server.url, {"type": "test-noop"})
    follow(server.url, task_id, "websocket")
    return task_id


@pytest.fixture(autouse=True)
def _goes_on(server: ServerProcess) -> Iterator[None]:
    yield
    assert requests.get(f"{server.url}/api/health", timeout=5).json()["status"] == "ok"


# -- bodies --------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}


def test_a_body_over_one_mebibyte_is_refused(server: ServerProcess) -> None:
    fits = json.dumps({"type": "none", "params": {"a": ""}}).encode()
    fits += b" " * (MEBIBYTE - len(fits))
    assert_problem(requests.post(f"{server.url}/api/tasks", data=fits, headers=JSON, timeout=10), 422)
    assert_problem(requests.post(f"{server.url}/api/tasks", data=fits + b" ", headers=JSON, timeout=10), 413)


@pytest.mark.parametrize(
    "body", ['{"bom": [NaN]}', '{"bom": [Infinity]}', '{"bom": [-Infinity]}', "{", "", "\xff", "[" * 100_000]
)
def test_what_is_no_json_is_a_400(server: ServerProcess, body: str) -> None:
    """NaN and infinity, which JSON does not have, included."""
    for path in ("/api/bom/validate", "/api/tasks"):
        sent = body.encode("latin-1")
        assert_problem(requests.post(server.url + path, data=sent, headers=JSON, timeout=10), 400)


@pytest.mark.parametrize("body", ["null", "1", '"text"', "[]", "[[]]"])
def test_a_body_that_is_no_object_is_a_422(server: ServerProcess, body: str) -> None:
    assert_problem(requests.post(f"{server.url}/api/tasks", data=body, headers=JSON, timeout=10), 422)


# -- params --------------------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


BAD_PARAMS: list[tuple[str, Any]] = [
    ("max_iterations", 0),
    ("max_iterations", -5),
    ("max_iterations", 10**30),
    ("max_iterations", 1.5),
    ("max_iterations", "many"),
    ("max_iterations", [1]),
    ("max_iterations", {"a": 1}),
    ("max_iterations", float("inf")),
    ("convergence_threshold", -1),
    ("convergence_threshold", "nan"),
    ("convergence_threshold", 1e308),
    ("convergence_threshold", nested(50)),
    ("population_size", -1),
    ("seed", -1),
    ("seed", 2**64),
    ("config_path", 7),
    ("config_path", "x" * 2000),
    ("unknown", 1),
    ("max_iteration", 5),
    ("__class__", "x"),
    ("bom", "text"),
    ("bom", 7),
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMS, ids=lambda each: repr(each)[:24])
def test_a_wrong_param_is_named(server: ServerProcess, name: str, value: Any) -> None:
    """Negative, huge, infinite, of another type, deeply nested, unknown: 422 with its place."""
    params = {"bom": [COMPONENT], name: value}
    body = json.dumps({"type": "optimization", "params": params}).replace("Infinity", "1e400")
    answer = requests.post(f"{server.url}/api/tasks", data=body, headers=JSON, timeout=10)
    problem = assert_problem(answer, 422)
    assert any(each.startswith(f"params.{name}") for each in named(problem)), problem["errors"]
    assert len(answer.content) < 5000


COMPONENT = {"id": "a", "name": "A", "dimensions": {"x": 10, "y": 10, "z": 10}, "mass": 1, "power": 1, "category": "x"}


def test_every_wrong_param_is_named_at_once(server: ServerProcess) -> None:
    params = {"bom": [COMPONENT], "max_iterations": 0, "seed": "x", "foo": 1, "bar": 2}
    answer = requests.post(f"{server.url}/api/tasks", json={"type": "optimization", "params": params}, timeout=10)
    expected = {"params.max_iterations", "params.seed", "params.foo", "params.bar"}
    assert expected <= set(named(assert_problem(answer, 422)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "no-such-type"),
        ("type", 5),
        ("type", "x" * 1000),
        ("params", []),
        ("name", "x" * 201),
        ("name", "a\0b"),
        ("name", "\ud800"),
        ("tags", "tag"),
        ("tags", [""]),
        ("tags", ["t"] * 21),
        ("priority", 101),
        ("priority", 1.5),
        ("priority", "high"),
        ("priority", True),
        ("max_attempts", 0),
        ("max_attempts", 10**20),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1),
        ("timeout_seconds", float("inf")),
        ("colour", "red"),
    ],
    ids=lambda each: repr(each)[:24],
)
def test_a_wrong_field_of_a_task_is_named(server: ServerProcess, field: str, value: Any) -> None:
    text = json.dumps({"type": "test-steps", field: value}).replace("Infinity", "1e400")
    answer = requests.post(f"{server.url}/api/tasks", data=text, headers=JSON, timeout=10)
    assert any(each.startswith(field) for each in named(assert_problem(answer, 422)))


@pytest.mark.parametrize(("depth", "status"), [(100, 422), (800, 422), (100_000, 400)])
def test_params_nested_deeply_are_refused(server: ServerProcess, depth: int, status: int) -> None:
    """Named as the wrong params they are, or told to be too deep for the parser."""
    nest = '{"a":' * depth + "1" + "}" * depth
    for name in ("n", "input", "other"):
        text = f'{{"type": "test-steps", "params": {{"{name}": {nest}}}}}'
        answer = requests.post(f"{server.url}/api/tasks", data=text, headers=JSON, timeout=10)
        problem = assert_problem(answer, status)
        assert "deep" in problem["detail"] if status == 400 else f"params.{name}" in str(named(problem))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "status=done", "cursor=rubbish", "q=%00", "page=2"]
)
def test_a_wrong_query_is_named(server: ServerProcess, query: str) -> None:
    problem = assert_problem(requests.get(f"{server.url}/api/tasks?{query}", timeout=10), 422)
    assert named(problem) == [query.partition("=")[0]]


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9", "a\tb"], ids=["empty", "long", "no-ascii", "tab"])
def test_a_wrong_idempotency_key_is_named(server: ServerProcess, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = requests.post(f"{server.url}/api/tasks", json={"type": "test-noop"}, headers=headers, timeout=10)
    assert named(assert_problem(answer, 422)) == ["Idempotency-Key"]


# -- one shape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/nowhere", "/api/tasks/none", "/api/tasks/none/result", "/static/none.js", "/api/tasks/"]
)
def test_what_is_missing_is_a_404(server: ServerProcess, path: str) -> None:
    assert_problem(requests.get(server.url + path, timeout=10), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/tasks", {"GET", "POST"}),
        ("PUT", "/api/tasks/none", {"GET", "PATCH", "DELETE"}),
        ("GET", "/api/tasks/none/pause", {"POST"}),
        ("POST", "/api/health", {"GET"}),
        ("POST", "/demo", {"GET"}),
        ("POST", "/openapi.json", {"GET"}),
    ],
)
def test_a_method_that_is_not_there_is_a_405_that_names_the_others(
    server: ServerProcess, method: str, path: str, allowed: set[str]
) -> None:
    answer = requests.request(method, server.url + path, timeout=10)
    assert_problem(answer, 405)
    assert allowed <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "multipart/form-data", "application/jsonx"])
def test_a_body_of_another_type_is_a_415(server: ServerProcess, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert_problem(requests.post(f"{server.url}/api/tasks", data=b"{}", headers=headers, timeout=10), 415)


def test_what_the_state_forbids_is_a_409(server: ServerProcess, ended: str) -> None:
    assert_problem(requests.post(f"{server.url}/api/tasks/{ended}/pause", timeout=10), 409)


def test_an_error_of_the_server_is_a_500_without_its_traceback(server: ServerProcess) -> None:
    """A result that somebody broke on the disk: the log has the reason, the answer only the shape."""
    task_id = submit(server.url, {"type": "test-steps", "params": {"n": 1}})
    follow(server.url, task_id, "websocket")
    (files,) = (server.data_dir / "experiments").glob(f"run_*_{task_id[:8]}")
    (files / "summary.json").write_text("{broken")
    problem = assert_problem(requests.get(f"{server.url}/api/tasks/{task_id}/result", timeout=10), 500)
    assert "summary" not in problem["detail"]
    assert "JSONDecodeError" in server.log_text()
