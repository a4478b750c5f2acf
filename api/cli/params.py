"""The params of a task from the command line: a JSON file, then `key=value` on top."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer


def read_params(file: Path | None, pairs: Sequence[str]) -> dict[str, Any]:
    """The params. A value is JSON where it can be read so (`3`, `true`, `[1, 2]`), else the text itself."""
    params = _from_file(file) if file is not None else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{pair!r}: write key=value", param_hint="--param")
        params[name] = _value(value)
    return params


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _from_file(file: Path) -> dict[str, Any]:
    try:
        params = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}", param_hint="--params-file") from None
    except ValueError as error:
        raise typer.BadParameter(f"{file} is not JSON: {error}", param_hint="--params-file") from None
    if not isinstance(params, dict):
        raise typer.BadParameter(f"{file} holds no JSON object", param_hint="--params-file")
    return params


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
