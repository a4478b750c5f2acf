"""Judges layouts: all physics and rules for many at once, and one number to compare them by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from api.workloads.optimization import constraints, geometry, mass_properties, thermal
from api.workloads.optimization.constraints import Rule
from api.workloads.optimization.placement import Layouts
from api.workloads.optimization.problem import Array, Problem

INERTIA_WEIGHT = 0.6
COMPACTNESS_WEIGHT = 0.4


@dataclass(frozen=True)
class Verdict:
    """p layouts, judged."""

    cg: Array
    offset: Array
    inertia: Array
    clearance: Array
    boxes: Array
    """(p, n) °C."""
    panels: Array
    """(p, 6) °C."""
    bounding: Array
    gyration: Array
    rules: list[Rule]

    @property
    def excess(self) -> Array:
        """(p,) all that the broken rules miss; 0 for a feasible layout."""
        return np.asarray(np.sum([rule.excess for rule in self.rules], axis=0))

    @property
    def broken(self) -> Array:
        """(p,) number of broken rules."""
        return np.asarray(np.sum([~rule.kept for rule in self.rules], axis=0))

    @property
    def objective(self) -> Array:
        """(p,) smaller is better. Feasible: weighted inertia and compactness, below 1. Infeasible: 1 + excess.

        So every feasible layout beats every infeasible one, and those are compared by their violations alone:
        Deb, "An efficient constraint handling method for genetic algorithms", CMAME 186 (2000).
        """
        cost = INERTIA_WEIGHT * self.gyration + COMPACTNESS_WEIGHT * self.bounding
        return np.where(self.broken > 0, 1.0 + self.excess, cost)


def judge(problem: Problem, limits: Mapping[str, float], layouts: Layouts) -> Verdict:
    distances = geometry.pair_distances(problem, layouts)
    cg = mass_properties.centre_of_gravity(problem, layouts)
    offset = mass_properties.cg_offset(problem, cg)
    tensor = mass_properties.inertia(problem, layouts, cg)
    boxes, panels = thermal.temperatures(problem, layouts)
    return Verdict(
        cg=cg,
        offset=offset,
        inertia=tensor,
        clearance=constraints.closest_pair(problem, distances),
        boxes=boxes,
        panels=panels,
        bounding=geometry.bounding_fraction(problem, layouts),
        gyration=mass_properties.gyration_ratio(problem, tensor),
        rules=constraints.check(problem, limits, distances, offset, boxes),
    )
