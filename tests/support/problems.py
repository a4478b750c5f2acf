"""Problems (RFC 9457), as every route of the API answers errors."""

from __future__ import annotations

from typing import Any

import requests


def assert_problem(answer: requests.Response, status: int) -> dict[str, Any]:
    """The one shape, with `status`, and nothing of the server's inside."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "error"} <= problem.keys()
    assert (problem["status"], problem["error"]) == (status, problem["detail"])
    assert "Traceback" not in answer.text
    return problem


def named(problem: dict[str, Any]) -> list[str]:
    """The places of the wrong values."""
    return [".".join(map(str, error["loc"])) for error in problem["errors"]]
