"""From a template to the model of its params, and from params to arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, create_model

from api.workloads.command.template import (
    AnyParam,
    BooleanParam,
    ChoiceParam,
    FileParam,
    IntegerParam,
    NumberParam,
    StringParam,
    Template,
    placeholders,
)
from api.workloads.inputs import InputFile

InputPath = Callable[[str], Path]


def params_model(name: str, template: Template) -> type[BaseModel]:
    """A pydantic model with a field for each param, for forms, checks and the JSON Schema."""
    fields: dict[str, Any] = {key: _field(param) for key, param in template.params.items()}
    config = ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True, strict=True)
    return create_model(f"Command_{name}", __config__=config, **fields)


def _field(param: AnyParam) -> tuple[Any, Any]:
    kind = _kind(param)
    about: dict[str, Any] = {"title": param.title, "description": param.description}
    if isinstance(param, BooleanParam):
        return kind, Field(bool(param.default), **about)
    if param.default is not None:
        return kind, Field(param.default, **about)
    return (kind | None, Field(None, **about)) if param.optional else (kind, Field(**about))


def _kind(param: AnyParam) -> Any:
    if isinstance(param, StringParam):
        return _text(param)
    if isinstance(param, ChoiceParam):
        return Literal[tuple(param.choices)]
    if isinstance(param, IntegerParam):
        return Annotated[int, Field(ge=param.min, le=param.max)]
    if isinstance(param, NumberParam):
        return Annotated[float, Field(ge=param.min, le=param.max)]
    return InputFile if isinstance(param, FileParam) else bool


def _text(param: StringParam) -> Any:
    whole = f"^(?:{param.pattern})$" if param.pattern else None
    limits = StringConstraints(min_length=param.min_length, max_length=param.max_length, pattern=whole)
    kind = Annotated[str, limits, AfterValidator(_argument)]
    return kind if param.leading_dash else Annotated[kind, AfterValidator(_no_option)]


def _argument(value: str) -> str:
    if "\0" in value:
        raise ValueError("may not hold a NUL character")
    return value


def _no_option(value: str) -> str:
    if value.startswith("-"):
        raise ValueError("may not begin with '-': the command would take it for an option")
    return value


def arguments(template: Template, params: Mapping[str, Any], input_path: InputPath) -> list[str]:
    """The argument list, the program first; each placeholder stays inside its one argument."""
    argv: list[str] = []
    for part in template.argv:
        group = _group([part] if isinstance(part, str) else part, template, params, input_path)
        argv += group or []
    return argv


def stdin_path(template: Template, params: Mapping[str, Any], input_path: InputPath) -> Path | None:
    """The file that the command reads from its standard input."""
    name = params.get(template.stdin.strip("{}")) if template.stdin else None
    return input_path(name) if name is not None else None


def _group(
    parts: Sequence[str], template: Template, params: Mapping[str, Any], input_path: InputPath
) -> list[str] | None:
    """None when a param in it is not given, or is a flag that is off."""
    rendered = []
    for part in parts:
        values = {}
        for name in placeholders(part):
            value = _value(template.params[name], params.get(name), input_path)
            if value is None:
                return None
            values[name] = value
        rendered.append(part.format_map(values))
    return rendered


def _value(param: AnyParam, value: Any, input_path: InputPath) -> str | None:
    if isinstance(param, BooleanParam):
        return param.flag if value else None
    if value is None:
        return None
    return str(input_path(value)) if isinstance(param, FileParam) else str(value)
