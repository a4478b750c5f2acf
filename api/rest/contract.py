"""The contract of a route: what it takes and answers, checked before it runs and shown in /openapi.json."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from spectree import Response, SpecTree
from spectree.plugins.flask_plugin import FlaskPlugin
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType

from api.errors import Flaw, InvalidInput
from api.rest.schemas import Problem

View = TypeVar("View", bound=Callable[..., Any])
MAX_FLAWS = 50
_ALWAYS = (403, 404, 405, 500, 503)
_PATH = {
    "task_id": "The id of a task.",
    "batch_id": "The id of a batch.",
    "schedule_id": "The id of a schedule.",
    "upload_id": "The id of an upload.",
    "rule_id": "The id of a rule.",
    "path": "A file of the task, as GET /api/tasks/{task_id}/artifacts lists it.",
    "file": "The name of a picture.",
}


class DocumentOnly(FlaskPlugin):
    """spectree writes the document and stays out of the answers: it would read streams and files to their end."""

    def validate(self, func: Callable[..., Any], *spectree: Any, **values: Any) -> Any:
        return func(**values)


class Contract:
    """Wraps a view: `body`, `query` and `headers` arrive validated, as keyword arguments of these names."""

    def __init__(self, spec: SpecTree) -> None:
        self._spec = spec

    def __call__(
        self,
        *,
        ok: dict[int, type[BaseModel] | None],
        body: type[BaseModel] | None = None,
        body_optional: bool = False,
        query: type[BaseModel] | None = None,
        headers: type[BaseModel] | None = None,
        fails: tuple[int, ...] = (),
        tag: str = "tasks",
    ) -> Callable[[View], View]:
        """`ok` and `fails`: the answers that there are; 404, 405, 500 and their like are on every route."""
        codes: dict[str, Any] = {f"HTTP_{code}": model for code, model in ok.items()}
        bad = {400, 413, 415, 422} if body else ({422} if query else set())
        codes |= {f"HTTP_{code}": Problem for code in sorted({*_ALWAYS, *fails, *bad} - ok.keys())}

        def wrap(view: View) -> View:
            documented: View = self._spec.validate(
                json=body,
                query=query,
                headers=headers,
                resp=Response(**codes),
                tags=[tag],
                operation_id=view.__name__,
                path_parameter_descriptions=_PATH,
            )(_checked(view, body, query, headers, body_optional))
            return documented

        return wrap


def _checked(
    view: Callable[..., Any],
    body: type[BaseModel] | None,
    query: type[BaseModel] | None,
    headers: type[BaseModel] | None,
    body_optional: bool,
) -> Callable[..., Any]:
    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        if headers is not None:
            kwargs["headers"] = validated(headers, _sent_headers(headers))
        if query is not None:
            kwargs["query"] = validated(query, _query())
        if body is not None:
            left_out = body_optional and not _body()
            kwargs["body"] = validated(body, {} if left_out else json_body())
        return view(*args, **kwargs)

    return call


def validated(model: type[BaseModel], value: Any) -> Any:
    """`value` as `model`; `InvalidInput` names each field that is wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        flaws = [
            Flaw(tuple(flaw["loc"]), flaw["msg"].removeprefix("Value error, "))
            for flaw in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidInput(flaws=flaws[:MAX_FLAWS]) from None


def _query() -> dict[str, str]:
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise InvalidInput(flaws=[Flaw((name,), "is given more than once") for name in twice[:MAX_FLAWS]])
    return request.args.to_dict()


def _sent_headers(model: type[BaseModel]) -> dict[str, str]:
    names = [field.alias or name for name, field in model.model_fields.items()]
    return {name: request.headers[name] for name in names if name in request.headers}


def json_body() -> Any:
    """The body as JSON, strictly: no NaN, no infinity, nothing nested past what the parser takes."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    try:
        return json.loads(_body(), parse_constant=_no_constant)
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def _body() -> bytes:
    """The whole body, 413 for one that is too large; werkzeug cuts one in chunks to the limit without a word."""
    raw = request.get_data()
    if request.content_length is None and len(raw) >= (request.max_content_length or len(raw) + 1):
        raise RequestEntityTooLarge()
    return raw


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
