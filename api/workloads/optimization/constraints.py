"""Which limits a layout keeps: how far it is from keeping them, for the search and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.workloads.optimization.problem import Array, Problem

ROUNDING = 1e-6
"""In the unit of the constraint: a limit that is missed by less is kept."""
TEMPERATURE_UNIT = 20.0
"""K over a limit that weigh as much as one mean box side of missing clearance."""


@dataclass(frozen=True)
class Rule:
    """One limit. `value` and `excess` are (p,); excess is what is missing, without a unit, 0 where it is kept."""

    name: str
    unit: str
    limit: float
    value: Array
    margin: Array
    """How far inside the limit, in `unit`; negative where it is broken."""
    excess: Array

    @property
    def kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.margin >= -ROUNDING)

    def as_dict(self, index: int) -> dict[str, Any]:
        return {
            "name": self.name,
            "holds": bool(self.kept[index]),
            "value": float(self.value[index]),
            "limit": self.limit,
            "margin": float(self.margin[index]),
            "unit": self.unit,
        }


def check(problem: Problem, limits: Mapping[str, float], distances: Array, offset: Array, boxes: Array) -> list[Rule]:
    """Every rule for p layouts: pair distances (p, m) mm, offset of the centre of gravity (p,) mm, boxes (p, n) °C.

    No overlap is always a rule, a part's own temperature limit where one is given, the others when they are asked.
    """
    side = float(np.cbrt(problem.sizes[:, 0].prod(axis=1).mean()))
    rules = [_apart(problem, "no_overlap", 0.0, distances, side)]
    if "min_clearance_mm" in limits:
        rules.append(_apart(problem, "min_clearance_mm", limits["min_clearance_mm"], distances, side))
    if "max_cg_offset_mm" in limits:
        rules.append(_at_most("max_cg_offset_mm", "mm", limits["max_cg_offset_mm"], offset, side))
    if np.isfinite(problem.temp_limit).any():
        rules.append(_part_temperatures(problem, boxes))
    if "max_temp_c" in limits:
        rules.append(_at_most("max_temp_c", "°C", limits["max_temp_c"], boxes.max(axis=1), TEMPERATURE_UNIT))
    if "min_temp_c" in limits:
        coldest = boxes.min(axis=1)
        margin = coldest - limits["min_temp_c"]
        rules.append(
            Rule("min_temp_c", "°C", limits["min_temp_c"], coldest, margin, _missing(margin, TEMPERATURE_UNIT))
        )
    for name, unit, total in (
        ("max_power_w", "W", problem.power.sum()),
        ("max_mass_kg", "kg", problem.mass.sum()),
    ):
        if name in limits:
            rules.append(_at_most(name, unit, limits[name], np.full(len(offset), total), float(total) or 1.0))
    return rules


def _missing(margin: Array, unit: float) -> Array:
    return np.where(margin >= -ROUNDING, 0.0, -margin / unit)


def _apart(problem: Problem, name: str, limit: float, distances: Array, side: float) -> Rule:
    """Pairs: all that is missing counts for the search, the closest pair is reported."""
    closest = closest_pair(problem, distances)
    excess = _missing(distances - limit, side).sum(axis=1)
    return Rule(name, "mm", limit, closest, closest - limit, excess)


def closest_pair(problem: Problem, distances: Array) -> Array:
    """(p,) mm; with a single box the diagonal of the envelope, as far as anything could be."""
    if not distances.shape[1]:
        return np.full(len(distances), float(np.linalg.norm(problem.envelope)))
    return np.asarray(distances.min(axis=1))


def _at_most(name: str, unit: str, limit: float, value: Array, scale: float) -> Rule:
    return Rule(name, unit, limit, value, limit - value, _missing(limit - value, scale))


def _part_temperatures(problem: Problem, boxes: Array) -> Rule:
    """Each part under its own limit: the value is how far the worst is over it (negative: under)."""
    over = boxes - problem.temp_limit
    worst = over.max(axis=1)
    return Rule(
        "part_max_temp",
        "K above the part's limit",
        0.0,
        worst,
        -worst,
        _missing(-over, TEMPERATURE_UNIT).sum(axis=1),
    )
