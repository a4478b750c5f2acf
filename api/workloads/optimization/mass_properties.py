"""Centre of gravity and moments of inertia; every box is of one density."""

from __future__ import annotations

import numpy as np

from api.workloads.optimization.placement import Layouts
from api.workloads.optimization.problem import Array, Problem


def centre_of_gravity(problem: Problem, layouts: Layouts) -> Array:
    """(p, 3) mm: Σ m r / Σ m, the definition of the centre of mass."""
    centre = layouts.low + layouts.size / 2
    return np.asarray(np.einsum("n,pna->pa", problem.mass, centre) / problem.mass.sum())


def cg_offset(problem: Problem, cg: Array) -> Array:
    """(p,) mm from the middle of the envelope, as the CubeSat Design Specification (Cal Poly, rev. 14.1, 2.2)
    measures it."""
    return np.asarray(np.linalg.norm(cg - problem.envelope / 2, axis=1))


def inertia(problem: Problem, layouts: Layouts, cg: Array) -> Array:
    """(p, 3, 3) kg·m² about the centre of gravity, axes parallel to the envelope's.

    A solid cuboid has m (b² + c²) / 12 about its own axes; the parallel axis theorem (Huygens-Steiner) adds
    m (r²·1 - r rᵀ). Goldstein, Classical Mechanics, 5.3.
    """
    arm = (layouts.low + layouts.size / 2 - cg[:, None]) * 1e-3
    square = (layouts.size * 1e-3) ** 2 / 12 + arm**2
    moments = np.einsum("n,pna->pa", problem.mass, square)
    tensor = np.asarray(-np.einsum("n,pna,pnb->pab", problem.mass, arm, arm))
    diagonal = moments.sum(axis=1)[:, None] - moments
    tensor[:, range(3), range(3)] = diagonal
    return tensor


def gyration_ratio(problem: Problem, tensor: Array) -> Array:
    """(p,) size of the inertia without units, 0 to 1.

    trace(I) = 2 Σ m r², so the radius of gyration about the centre is sqrt(trace(I) / 2M). No body inside the
    envelope has more than half its diagonal (Popoviciu's inequality on each axis): that is the unit.
    """
    radius = np.sqrt(np.trace(tensor, axis1=1, axis2=2) / (2 * problem.mass.sum()))
    half_diagonal = np.linalg.norm(problem.envelope) * 1e-3 / 2
    return np.asarray(radius / half_diagonal)
