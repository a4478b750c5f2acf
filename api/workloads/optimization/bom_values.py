"""The values of a bill of materials (BOM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

AXES = ("x", "y", "z")
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Component:
    """One line of the BOM. mm, kg, W, W/(m·K), °C."""

    id: str
    name: str
    dimensions: Triple
    mass: float
    power: float
    category: str = "other"
    quantity: int = 1
    material: str | None = None
    thermal_conductivity: float | None = None
    max_temp: float | None = None
    thermal_contacts: Mapping[str, float] = field(default_factory=dict)
    emissivity: float | None = None
    absorptivity: float | None = None
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """One thing to place: a component, or one of its `quantity`."""

    id: str
    component: Component


@dataclass(frozen=True, slots=True)
class Bom:
    """What is to be placed, where, and under which limits."""

    components: tuple[Component, ...]
    boxes: tuple[Box, ...]
    envelope: Triple
    """Inside of the body, mm."""
    envelope_given: bool
    """False when it was derived from the parts."""
    limits: Mapping[str, float]
    """The constraints that this workload evaluates."""
    not_evaluated: Mapping[str, Any]
    """The others, as they were given (None where the value is not a plain one)."""
