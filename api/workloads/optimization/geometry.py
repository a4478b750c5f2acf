"""Distances between boxes that stand parallel to the axes."""

from __future__ import annotations

import numpy as np

from api.workloads.optimization.placement import Layouts
from api.workloads.optimization.problem import Array, Problem


def pair_distances(problem: Problem, layouts: Layouts) -> Array:
    """(p, m) mm. Apart: the Euclidean distance of the two boxes. Overlapping: minus the shortest way out.

    Distance of axis-aligned boxes: Ericson, Real-Time Collision Detection (2005), 5.1.3; the shortest way out
    is the least penetration among the axes, by the separating axis theorem (ibid., 4.4).
    """
    i, j = problem.first, problem.second
    centre = layouts.low + layouts.size / 2
    gap = np.abs(centre[:, j] - centre[:, i]) - (layouts.size[:, i] + layouts.size[:, j]) / 2
    apart = np.sqrt(np.sum(np.maximum(gap, 0.0) ** 2, axis=2))
    inside = gap.max(axis=2)
    return np.asarray(np.where(inside < 0, inside, apart))


def bounding_fraction(problem: Problem, layouts: Layouts) -> Array:
    """(p,) compactness: volume of the box around all parts, as a part of the envelope's; 0 to 1."""
    extent = layouts.high.max(axis=1) - layouts.low.min(axis=1)
    return np.asarray(extent.prod(axis=1) / problem.envelope.prod())
