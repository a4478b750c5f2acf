"""The document of the API, `/openapi.json`: what spectree writes from the contracts, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from spectree import SpecTree

from api.delivery.dialects.sse import EVENT_NAMES
from api.rest.contract import DocumentOnly
from api.rest.problems import CONTENT_TYPE
from api.rest.schemas import Problem

Json = dict[str, Any]
_TEXT: Json = {"schema": {"type": "string"}}
_EVENT: Json = {
    "schema": {
        "description": "One event of the stream, https://html.spec.whatwg.org/multipage/server-sent-events.html.",
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "For `Last-Event-ID`: the journal's epoch and the seq."},
            "event": {"type": "string", "enum": list(EVENT_NAMES)},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
        "required": ["event", "data"],
    }
}
_FILE: Json = {"200": {"*/*": {}}, "206": {"*/*": {}}}
_FILES: Json = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "description": "Each with a file name of its own.",
                    }
                },
                "required": ["file"],
            }
        }
    },
}
_OTHER_MEDIA: dict[str, dict[str, Json]] = {
    "get_artifact": _FILE,
    "get_visualization": _FILE,
    "get_metrics": {"200": {"text/plain": _TEXT}},
    "stream_task": {"200": {"text/event-stream": _EVENT}},
}
"""Answers that are not JSON, by operation and status."""
_BODY_MAY_BE_LEFT_OUT = frozenset({"retry_task", "toggle_rule"})
_TASK_BODIES = frozenset({"TaskCreate", "BatchTask", "ScheduledTask"})
_HEADERS: dict[str, dict[str, str]] = {
    "201": {"Location": "The address of what was created."},
    "405": {"Allow": "The methods that this address has."},
    "503": {"Retry-After": "Seconds to wait before trying again."},
}


def create_spec(version: str) -> SpecTree:
    """What the contracts of the routes are collected in."""
    return SpecTree(
        "flask",
        backend=DocumentOnly,
        title="Runcast",
        version=version,
        description="Submit long-running work, watch it live, control it, find it again.",
        mode="strict",
        annotations=False,
        page_templates={},
        validation_error_model=Problem,
        naming_strategy=_name,
        nested_naming_strategy=_nested_name,
    )


def completed(document: Json, types: Iterable[str]) -> Json:
    """`document` with media types, headers and the types of task that there are."""
    for operation in _operations(document):
        operation["parameters"] = [_parameter(each) for each in operation["parameters"]]
        if operation["operationId"] == "upload_files":
            operation["requestBody"] = _FILES
        if not _takes_input(operation):
            operation["responses"].pop("422", None)
        if operation["operationId"] in _BODY_MAY_BE_LEFT_OUT:
            operation["requestBody"]["required"] = False
        for status, response in operation["responses"].items():
            _complete(response, status)
        for status, content in _OTHER_MEDIA.get(operation["operationId"], {}).items():
            operation["responses"][status]["content"] = content
    kinds = [{"type": "string", "enum": sorted(types)}, {"type": "null"}]
    for name in _TASK_BODIES & document["components"]["schemas"].keys():
        document["components"]["schemas"][name]["properties"]["type"]["anyOf"] = kinds
    return document


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _nested_name(parent: str, child: str) -> str:
    return child


def _operations(document: Json) -> Iterator[Json]:
    for methods in document["paths"].values():
        yield from methods.values()


def _takes_input(operation: Json) -> bool:
    return "requestBody" in operation or any(each["in"] != "path" for each in operation["parameters"])


def _parameter(parameter: Json) -> Json:
    """A query or a header has no null: it is left out."""
    schema = dict(parameter["schema"])
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    return parameter | {"schema": schema | (kinds[0] if kinds else {})}


def _complete(response: Json, status: str) -> None:
    content = response.get("content", {})
    if content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
        content[CONTENT_TYPE] = content.pop("application/json")
    if status in _HEADERS:
        response["headers"] = {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in _HEADERS[status].items()
        }
