"""A bill of materials (BOM): the ways in, from a file, from parsed data, and a check that never raises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.errors import Flaw, InvalidInput
from api.workloads.optimization.bom_checks import read_bom
from api.workloads.optimization.bom_files import read_file
from api.workloads.optimization.bom_values import AXES, Bom, Component


def parse_bom(data: Any) -> Bom:
    """The BOM in `data` (a mapping with `components`, or a bare list).

    Raises `InvalidInput` with one flaw for each wrong value.
    """
    return read_bom(data)


def load_bom(path: Path) -> Bom:
    """The BOM in a JSON, YAML or CSV file.

    Raises `InvalidInput`: with one flaw for each wrong value, or for the file as a whole.
    """
    return parse_bom(read_file(path))


def validate_bom(source: Any) -> dict[str, Any]:
    """`{"valid", "num_components", "errors": [{"loc", "msg"}], "components"}` for data or for a `Path`.

    Never raises on bad content. `num_components` counts boxes, as a finished task does; `components` has one
    entry for each line of the BOM.
    """
    try:
        bom = load_bom(source) if isinstance(source, Path) else parse_bom(source)
    except InvalidInput as error:
        flaws = error.flaws or (Flaw((), error.message),)
        return {
            "valid": False,
            "num_components": 0,
            "errors": [flaw.as_dict() for flaw in flaws],
            "components": [],
        }
    return {
        "valid": True,
        "num_components": len(bom.boxes),
        "errors": [],
        "components": [describe(component) for component in bom.components],
    }


def describe(component: Component) -> dict[str, Any]:
    """The component in the shape of the BOM file, without the fields that were not given."""
    given = {
        "id": component.id,
        "name": component.name,
        "category": component.category,
        "quantity": component.quantity,
        "dimensions": dict(zip(AXES, component.dimensions, strict=True)),
        "mass": component.mass,
        "power": component.power,
        "material": component.material,
        "thermal_conductivity": component.thermal_conductivity,
        "max_temp": component.max_temp,
        "thermal_contacts": dict(component.thermal_contacts) or None,
        "emissivity": component.emissivity,
        "absorptivity": component.absorptivity,
        "notes": component.notes,
    }
    return {name: value for name, value in given.items() if value is not None}
