"""Problems: every error of every route in one shape, `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from api import metrics
from api.errors import InvalidInput, RuncastError
from api.log import get_logger

_log = get_logger(__name__)
CONTENT_TYPE = "application/problem+json"
_HELP = {
    404: "there is nothing at this address; GET /openapi.json lists what there is",
    413: "the body is larger than the 1 MiB that a request may have",
    415: "send the body as Content-Type: application/json",
}


def problem(
    status: int, detail: str, *, code: str | None = None, errors: list[dict[str, Any]] | None = None
) -> Response:
    """The response for one problem; `errors` names the wrong values of a 422."""
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": f"urn:runcast:problem:{code or title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "error": detail,
    }
    if errors is not None:
        body["errors"] = errors
    return Response(json.dumps(body), status=status, content_type=CONTENT_TYPE)


def register_problems(app: Flask) -> None:
    """Turn whatever a route raises into a problem."""
    app.register_error_handler(RuncastError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _ours(error: RuncastError) -> Response:
    errors = [flaw.as_dict() for flaw in error.flaws] if isinstance(error, InvalidInput) else None
    response = problem(error.status, error.message, code=error.code, errors=errors)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "1"
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:  # a redirect
        return Response(error.get_response().get_data(), status=status, headers=error.get_response().headers)
    response = problem(status, _HELP.get(status) or error.description or HTTPStatus(status).phrase)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _unexpected(error: Exception) -> Response:
    metrics.failure("rest")
    _log.exception("request_failed", method=request.method, path=request.path, exc_info=error)
    return problem(500, "the server made an error; it has been logged", code="internal")
