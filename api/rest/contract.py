"""The contract of a route: what it takes and answers, checked before it runs and shown in /openapi.json."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from spectree import Response, SpecTree
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api.errors import Flaw, InvalidInput
from api.rest.schemas import Problem

View = TypeVar("View", bound=Callable[..., Any])
_ALWAYS = (403, 404, 405, 500, 503)


class Contract:
    """Wraps a view: `body` and `query` arrive validated, as keyword arguments of these names."""

    def __init__(self, spec: SpecTree) -> None:
        self._spec = spec

    def __call__(
        self,
        *,
        ok: dict[int, type[BaseModel] | None],
        body: type[BaseModel] | None = None,
        query: type[BaseModel] | None = None,
        fails: tuple[int, ...] = (),
        tag: str = "tasks",
    ) -> Callable[[View], View]:
        """`ok` and `fails`: the answers that there are; 404, 405, 500 and their like are on every route."""
        codes: dict[str, Any] = {f"HTTP_{code}": model for code, model in ok.items()}
        bad = {400, 413, 415, 422} if body else ({422} if query else set())
        codes |= {f"HTTP_{code}": Problem for code in sorted({*_ALWAYS, *fails, *bad})}

        def wrap(view: View) -> View:
            checked = _checked(view, body, query)
            documented: View = self._spec.validate(
                json=body, query=query, resp=Response(**codes), tags=[tag], skip_validation=True
            )(checked)
            return documented

        return wrap


def _checked(view: Callable[..., Any], body: type[BaseModel] | None, query: type[BaseModel] | None) -> Callable[..., Any]:
    @functools.wraps(view)
    def call(*args: Any, **kwargs: Any) -> Any:
        if query is not None:
            kwargs["query"] = validated(query, request.args.to_dict())
        if body is not None:
            kwargs["body"] = validated(body, json_body())
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
        raise InvalidInput(flaws=flaws[:50]) from None


def json_body() -> Any:
    """The body as JSON, strictly: no NaN, no infinity, nothing nested past what the parser takes."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType()
    raw = request.get_data(cache=False)
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")

