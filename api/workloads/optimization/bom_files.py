"""Reads a BOM file into plain data: JSON, YAML, CSV. What the data mean is checked in `bom_checks`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from api.errors import Flaw, InvalidInput
from api.workloads.inputs import read_text

MAX_BYTES = 1_000_000
"""A BOM of the most boxes allowed has some tens of kilobytes."""
MAX_YAML_BYTES = 100_000
"""The YAML parser takes up to 1.6 s for this much (Python 3.11, one core of a 2-core machine)."""


def read_file(path: Path) -> Any:
    """The data in `path`, by its suffix. Raises `InvalidInput` with one clear sentence."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise _bad("is not a .json, .yaml, .yml or .csv file")
    text = read_text(path, MAX_YAML_BYTES if reader is _yaml else MAX_BYTES, _bad)
    try:
        return reader(text)
    except RecursionError:
        raise _bad("is nested too deeply") from None


def _bad(message: str) -> InvalidInput:
    return InvalidInput(flaws=[Flaw(("bom_file",), message)])


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as error:  # JSONDecodeError, or a number of thousands of digits
        raise _bad(f"is not valid JSON: {_short(error)}") from None


def _without_duplicates(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    data: dict[Any, Any] = {}
    for name, value in pairs:
        if name in data:
            raise _bad(f"has the key {str(name)[:60]!r} twice in one object")
        data[name] = value
    return data


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (a small file could stand for gigabytes) and without duplicate keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise _bad("uses a YAML alias (*name), which is not accepted here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        return _without_duplicates(
            [(self.construct_object(k, deep), self.construct_object(v, deep)) for k, v in node.value]
        )

    def construct_yaml_map(self, node: Any) -> Any:
        return self.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_yaml_map)


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, TypeError) as error:  # TypeError: a mapping as a key
        raise _bad(f"is not valid YAML: {_short(error)}") from None


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NUMBERS = frozenset(
    [
        "x",
        "y",
        "z",
        "mass",
        "power",
        "quantity",
        "thermal_conductivity",
        "max_temp",
        "emissivity",
        "absorptivity",
    ]
)


def _csv(text: str) -> Any:
    """One row for one component: columns as in JSON, `x`, `y`, `z` for the dimensions,
    `thermal_contacts` as `obc:0.5; battery:0.2`. An empty cell is a field that is not given."""
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _bad(f"is not valid CSV: {_short(error)}") from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        return []
    header = [cell.strip().removeprefix("dimensions.") for cell in rows[0]]
    if len(set(header)) != len(header):
        raise _bad("has two columns of the same name")
    return [_component(header, row, line) for line, row in enumerate(rows[1:], start=1)]


def _component(header: list[str], row: list[str], line: int) -> dict[str, Any]:
    if len(row) > len(header):
        raise _bad(f"has more cells than columns in row {line}")
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if cell.strip()}
    data: dict[str, Any] = {name: _cell(name, cell) for name, cell in cells.items()}
    size = {axis: data.pop(axis) for axis in ("x", "y", "z") if axis in data}
    if size:
        data["dimensions"] = size
    if "thermal_contacts" in cells:
        data["thermal_contacts"] = _contacts(cells["thermal_contacts"])
    return data


def _cell(name: str, cell: str) -> Any:
    """Numbers where a number belongs; what is not one stays text, and the check names it."""
    if name not in _NUMBERS or not _NUMBER.fullmatch(cell) or len(cell) > 40:
        return cell
    return int(cell) if cell.lstrip("+-").isdigit() else float(cell)


def _contacts(cell: str) -> Any:
    pairs = [part.rpartition(":") for part in cell.split(";") if part.strip()]
    return {name.strip(): _cell("x", value.strip()) for name, _, value in pairs}


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


_READERS: dict[str, Callable[[str], Any]] = {".json": _json, ".yaml": _yaml, ".yml": _yaml, ".csv": _csv}
