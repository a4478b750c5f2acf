"""The file of commands: TOML, read once at start, with each mistake named by its key."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.domain.workload import Workload
from api.errors import ConfigError
from api.workloads.command import command_workload

TABLE = "commands"
_KINDS = frozenset({"string", "choice", "integer", "number", "boolean", "file", "str", "list[str]"})


def load_commands(file: Path) -> tuple[dict[str, Workload], dict[str, str]]:
    """The commands of `file` by name, and those whose program is not installed here with that reason.

    `ConfigError` names the file and each wrong key in it.
    """
    flaws: list[str] = []
    found: dict[str, Workload] = {}
    for name, definition in _tables(file).items():
        try:
            found[name] = command_workload(name, definition)
            flaws += [f"{file}: {TABLE}.{name}.{flaw}" for flaw in _wrong_values(found[name])]
        except ValidationError as error:
            flaws += [f"{file}: {TABLE}.{name}{_where(flaw['loc'])}: {_sentence(flaw)}" for flaw in error.errors()]
        except Exception as error:  # noqa: BLE001  pydantic has several for a model that cannot be made
            flaws.append(f"{file}: {TABLE}.{name}: {error}")
    if flaws:
        raise ConfigError("\n".join(flaws))
    missing = {name: reason for name, workload in found.items() if (reason := _missing(workload))}
    return {name: workload for name, workload in found.items() if name not in missing}, missing


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"RUNCAST_COMMANDS_FILE: {file}: {error.strerror}") from None
    except ValueError as error:  # of tomllib, with line and column; or not UTF-8
        raise ConfigError(f"{file}: is not TOML: {error}") from None
    tables = document.get(TABLE, {})
    unknown = document.keys() - {TABLE}
    if unknown or not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise ConfigError(f"{file}: holds tables [{TABLE}.<name>] and nothing else" + _named(unknown))
    return tables


def _named(unknown: set[str]) -> str:
    return f", not {', '.join(sorted(unknown))}" if unknown else ""


def _wrong_values(workload: Workload) -> list[str]:
    """What the params themselves say of the example and of the defaults."""
    try:
        workload.params.model_validate(dict(workload.example), context={})
    except ValidationError as error:
        return [
            f"{_origin(str(flaw['loc'][0]), workload.example)}: {_sentence(flaw)}"
            for flaw in error.errors()
            if workload.example or flaw["type"] != "missing"
        ]
    return []


def _origin(name: str, example: Mapping[str, Any]) -> str:
    return f"example.{name}" if name in example else f"params.{name}.default"


def _where(loc: Sequence[int | str]) -> str:
    """pydantic names the kind of a param as a step of the way to it, which the file does not have."""
    pairs = zip(loc, ("", *loc), strict=False)
    return "".join(f".{step}" for step, before in pairs if step not in _KINDS or before == "params")


def _sentence(flaw: ErrorDetails) -> str:
    return str(flaw["msg"]).removeprefix("Value error, ")


def _missing(workload: Workload) -> str | None:
    program = str((workload.definition or {})["argv"][0])
    found = shutil.which(program) if os.path.isabs(program) or "/" not in program else None
    return None if found else f"there is no program {program!r}, by its absolute path or on the server's PATH"
