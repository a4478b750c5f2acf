"""Checks BOM data and builds the values; every flaw is collected, so that a user can mend them all at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.errors import Flaw, InvalidInput
from api.workloads.optimization.bom_values import AXES, Bom, Box, Component, Triple

MAX_BOXES = 64
MAX_FLAWS = 25
FILL = 0.35
"""Part of a derived envelope that the boxes fill; 6U CubeSats are around a third."""
STEP = 10.0
"""A derived envelope is rounded up to this, mm."""

_TEXTS = {"id": 64, "name": 200, "category": 64, "material": 200, "notes": 2000}
_Range = tuple[float, float]
# The upper bounds are far above any small satellite; they keep the arithmetic away from overflow.
_SIZE: _Range = (0.1, 10_000)
_FIELDS: dict[str, _Range] = {
    "mass": (1e-6, 10_000),
    "power": (0, 10_000),
    "thermal_conductivity": (1e-3, 5_000),
    "max_temp": (-273.15, 2_000),
    "emissivity": (0.01, 1),
    "absorptivity": (0, 1),
}
_CONTACT: _Range = (1e-6, 10_000)
LIMITS: dict[str, _Range] = {
    "max_temp_c": (-273.15, 2_000),
    "min_temp_c": (-273.15, 2_000),
    "min_clearance_mm": (0, 1_000),
    "max_cg_offset_mm": (0, 10_000),
    "max_power_w": (0, 1_000_000),
    "max_mass_kg": (0, 1_000_000),
}
_REQUIRED = ("id", "dimensions", "mass", "power")
_COMPONENT_KEYS = {*_TEXTS, *_FIELDS, "dimensions", "quantity", "thermal_contacts"}
_TOP_KEYS = {"components", "envelope", "constraints", "name", "notes"}

Loc = tuple[str | int, ...]


@dataclass(slots=True)
class _Flaws:
    found: list[Flaw] = field(default_factory=list)

    def add(self, loc: Loc, msg: str) -> None:
        self.found.append(Flaw(loc, msg))

    def raise_if_any(self) -> None:
        if not self.found:
            return
        shown = self.found[:MAX_FLAWS]
        more = len(self.found) - len(shown)
        raise InvalidInput(flaws=[*shown, *([Flaw((), f"and {more} more")] if more else [])])


def read_bom(data: Any) -> Bom:
    """The checked BOM; raises `InvalidInput` with all flaws."""
    flaws = _Flaws()
    top = {"components": data} if isinstance(data, list) else data
    if not isinstance(top, Mapping):
        raise InvalidInput(flaws=[Flaw((), "is not a list of components nor an object with components")])
    _unknown_keys(top, _TOP_KEYS, (), flaws)
    components = _components(top.get("components"), flaws)
    envelope = None if top.get("envelope") is None else _triple(top["envelope"], ("envelope",), flaws)
    limits, others = _constraints(top.get("constraints"), flaws)
    flaws.raise_if_any()

    boxes = _boxes(components)
    inside = envelope or _derived_envelope(boxes)
    _check_fit(components, boxes, inside, flaws)
    flaws.raise_if_any()
    return Bom(tuple(components), boxes, inside, envelope is not None, limits, others)


def _components(data: Any, flaws: _Flaws) -> list[Component]:
    if not isinstance(data, list):
        flaws.add(("components",), "is missing" if data is None else "is not a list")
        return []
    if not data:
        flaws.add(("components",), "is empty: there is nothing to place")
    if len(data) > MAX_BOXES:
        flaws.add(("components",), f"has {len(data)} entries, {MAX_BOXES} at most")
        return []
    components = [_component(item, ("components", index), flaws) for index, item in enumerate(data)]
    if all(components):
        known = [component for component in components if component]
        _check_ids(known, flaws)
        _check_contacts(known, flaws)
        return known
    return []


def _component(data: Any, loc: Loc, flaws: _Flaws) -> Component | None:
    """None where a flaw was found."""
    before = len(flaws.found)
    if not isinstance(data, Mapping):
        flaws.add(loc, "is not an object")
        return None
    _unknown_keys(data, _COMPONENT_KEYS, loc, flaws)
    for name in _REQUIRED:
        if data.get(name) is None:
            flaws.add((*loc, name), "is missing")
    given = {name: value for name, value in data.items() if value is not None}
    values: dict[str, Any] = {}
    for name, limit in _TEXTS.items():
        if name in given:
            values[name] = _text(given[name], limit, (*loc, name), flaws)
    for name, bounds in _FIELDS.items():
        if name in given:
            values[name] = _number(given[name], bounds, (*loc, name), flaws)
    if "dimensions" in given:
        values["dimensions"] = _triple(given["dimensions"], (*loc, "dimensions"), flaws)
    if "quantity" in given:
        values["quantity"] = _quantity(given["quantity"], (*loc, "quantity"), flaws)
    if "thermal_contacts" in given:
        values["thermal_contacts"] = _contacts(given["thermal_contacts"], (*loc, "thermal_contacts"), flaws)
    if len(flaws.found) > before:
        return None
    values.setdefault("name", values["id"])
    return Component(**values)


def _unknown_keys(data: Mapping[Any, Any], known: set[str], loc: Loc, flaws: _Flaws) -> None:
    for key in list(data)[: MAX_FLAWS + len(known)]:
        if key not in known:
            flaws.add((*loc, _name(key)), "is not a field that is known here")


def _name(key: Any) -> str:
    """A key fit for a message: a YAML key may be anything."""
    return key[:60] if isinstance(key, str) else f"({type(key).__name__})"


def _text(value: Any, limit: int, loc: Loc, flaws: _Flaws) -> str:
    if not isinstance(value, str):
        flaws.add(loc, "is not text")
        return ""
    if not value.strip():
        flaws.add(loc, "is empty")
    elif len(value) > limit:
        flaws.add(loc, f"is longer than {limit} characters")
    elif not value.isprintable() and loc[-1] != "notes":
        flaws.add(loc, "has control characters")
    return value


def _number(value: Any, bounds: _Range, loc: Loc, flaws: _Flaws) -> float:
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, int | float):
        flaws.add(loc, "is not a number")
    elif isinstance(value, float) and not math.isfinite(value):
        flaws.add(loc, "is not a finite number")
    elif low > 0 >= value:
        flaws.add(loc, "is not greater than zero")
    elif not low <= value <= high:
        flaws.add(loc, f"is not between {low:g} and {high:g}")
    else:
        return float(value)
    return high


def _quantity(value: Any, loc: Loc, flaws: _Flaws) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        flaws.add(loc, "is not a whole number")
    elif not 1 <= value <= MAX_BOXES:
        flaws.add(loc, f"is not between 1 and {MAX_BOXES}")
    else:
        return value
    return 1


def _triple(value: Any, loc: Loc, flaws: _Flaws) -> Triple:
    if not isinstance(value, Mapping):
        flaws.add(loc, "is not an object with x, y and z in mm")
        return (1.0, 1.0, 1.0)
    _unknown_keys(value, set(AXES), loc, flaws)
    sides: list[float] = []
    for axis in AXES:
        if value.get(axis) is None:
            flaws.add((*loc, axis), "is missing")
        else:
            sides.append(_number(value[axis], _SIZE, (*loc, axis), flaws))
    return (sides[0], sides[1], sides[2]) if len(sides) == 3 else (1.0, 1.0, 1.0)


def _contacts(value: Any, loc: Loc, flaws: _Flaws) -> dict[str, float]:
    if not isinstance(value, Mapping):
        flaws.add(loc, "is not an object of other id: W/K")
        return {}
    if len(value) > MAX_BOXES:
        flaws.add(loc, f"has more than {MAX_BOXES} entries")
        return {}
    return {str(key)[:64]: _number(item, _CONTACT, (*loc, _name(key)), flaws) for key, item in value.items()}


def _check_ids(components: Sequence[Component], flaws: _Flaws) -> None:
    first: dict[str, int] = {}
    for index, component in enumerate(components):
        if component.id in first:
            flaws.add(
                ("components", index, "id"),
                f"{component.id!r} is also the id of components.{first[component.id]}",
            )
        first.setdefault(component.id, index)
    total = sum(component.quantity for component in components)
    if total > MAX_BOXES:
        flaws.add(("components",), f"stands for {total} boxes, {MAX_BOXES} at most")


def _check_contacts(components: Sequence[Component], flaws: _Flaws) -> None:
    by_id = {component.id: component for component in components}
    for index, component in enumerate(components):
        for other, conductance in component.thermal_contacts.items():
            loc = ("components", index, "thermal_contacts", other)
            if other == component.id:
                flaws.add(loc, "is the component itself")
            elif other not in by_id:
                flaws.add(loc, "is not the id of a component")
            elif by_id[other].thermal_contacts.get(component.id, conductance) != conductance:
                flaws.add(loc, f"has another value at {other!r}: one contact, one conductance")


def _constraints(data: Any, flaws: _Flaws) -> tuple[dict[str, float], dict[str, Any]]:
    if data is None:
        return {}, {}
    if not isinstance(data, Mapping):
        flaws.add(("constraints",), "is not an object")
        return {}, {}
    if len(data) > 100:
        flaws.add(("constraints",), "has more than 100 entries")
        return {}, {}
    limits: dict[str, float] = {}
    others: dict[str, Any] = {}
    for key, value in data.items():
        if key in LIMITS:
            limits[key] = _number(value, LIMITS[key], ("constraints", key), flaws)
        else:
            others[_name(key)] = _plain(value)
    if limits.get("min_temp_c", -math.inf) > limits.get("max_temp_c", math.inf):
        flaws.add(("constraints", "min_temp_c"), "is above max_temp_c")
    return limits, others


def _plain(value: Any) -> Any:
    """A value that can be shown as it stands, else None."""
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, int | float) and abs(value) <= 1e15:  # False for NaN
        return value
    return None


def _boxes(components: Sequence[Component]) -> tuple[Box, ...]:
    """`quantity` n gives `id-1` … `id-n`; where one of these is taken, another dash is put in."""
    taken = {component.id for component in components}
    boxes: list[Box] = []
    for component in components:
        if component.quantity == 1:
            boxes.append(Box(component.id, component))
            continue
        dash = "-"
        while taken & (names := {f"{component.id}{dash}{k}" for k in range(1, component.quantity + 1)}):
            dash += "-"
        taken |= names
        boxes.extend(Box(f"{component.id}{dash}{k}", component) for k in range(1, component.quantity + 1))
    return tuple(boxes)


def _derived_envelope(boxes: Sequence[Box]) -> Triple:
    """A cube that the boxes fill to `FILL`, at least as wide as the longest side."""
    volume = sum(math.prod(box.component.dimensions) for box in boxes)
    longest = max(max(box.component.dimensions) for box in boxes)
    side = math.ceil(max((volume / FILL) ** (1 / 3), longest) / STEP) * STEP
    return (side, side, side)


def _check_fit(components: Sequence[Component], boxes: Sequence[Box], envelope: Triple, flaws: _Flaws) -> None:
    room = sorted(envelope)
    for index, component in enumerate(components):
        if any(side > limit for side, limit in zip(sorted(component.dimensions), room, strict=True)):
            flaws.add(("components", index, "dimensions"), "is larger than the envelope in every orientation")
    if sum(math.prod(box.component.dimensions) for box in boxes) > math.prod(envelope):
        flaws.add(("envelope",), "has less volume than the parts together")
