"""From genes to boxes that stand apart.

A layout's genes, all in [0, 1]: three for the place of each box and one for its rotation. Genes alone overlap
nearly always; so the boxes are pushed apart before they are judged, as in force-directed placement of circuits
(Eisenmann and Johannes, "Generic global placement and floorplanning", DAC 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.workloads.optimization.problem import Array, Indices, Problem

GRID = 0.01
"""Positions are rounded to this, mm: what is judged is what is written, and what a workshop can build."""
SWEEPS = 25
"""More find room in a tighter envelope, but cost in proportion."""
MARGIN = 0.02
"""Kept beyond the clearance asked for, mm, so that rounding cannot break it."""
STEP = 0.55
"""Part of a pair's penetration that each of the two boxes gives way in one sweep; 0.5 would only just separate them."""


@dataclass(frozen=True)
class Layouts:
    """p layouts of n boxes, mm."""

    low: Array
    """(p, n, 3): the corner of least coordinates."""
    size: Array
    """(p, n, 3): after rotation."""
    rotation: Indices
    """(p, n): index into ROTATIONS."""

    @property
    def high(self) -> Array:
        return self.low + self.size

    def pick(self, index: int) -> Layouts:
        keep = slice(index, index + 1)
        return Layouts(self.low[keep].copy(), self.size[keep].copy(), self.rotation[keep].copy())


def place(problem: Problem, genes: Array) -> Layouts:
    """The layouts that `genes` (p, 4n) stand for, pushed apart and rounded."""
    shaped = np.clip(genes, 0.0, 1.0).reshape(len(genes), problem.count, 4)
    choice = np.minimum((shaped[..., 3] * problem.choices).astype(np.int64), problem.choices - 1)
    boxes = np.arange(problem.count)
    size = problem.sizes[boxes, choice]
    room = problem.envelope - size
    low = _separate(problem, shaped[..., :3] * room, size, room)
    low = np.clip(np.round(low / GRID) * GRID, 0.0, room)
    return Layouts(np.round(low, 6), size, problem.rotations[boxes, choice])


def _separate(problem: Problem, low: Array, size: Array, room: Array) -> Array:
    """Push every pair that is closer than the clearance apart along its cheapest axis, all pairs at once."""
    i, j = problem.first, problem.second
    if not len(i):
        return low
    incidence = np.zeros((len(i), problem.count))
    incidence[np.arange(len(i)), i] = -1.0
    incidence[np.arange(len(i)), j] = 1.0
    reach = (size[:, i] + size[:, j]) / 2 + problem.clearance + MARGIN
    # A pair separates along an axis only if the envelope has the width for both: other axes are made dear.
    blocked = reach > problem.envelope - (size[:, i] + size[:, j]) / 2 + 1e-9
    active = np.arange(len(low))
    for _ in range(SWEEPS):
        centre = low[active] + size[active] / 2
        delta = centre[:, j] - centre[:, i]
        depth = reach[active] - np.abs(delta)
        close = np.all(depth > 0, axis=2)
        stuck = close.any(axis=1)
        if not stuck.any():
            break
        active, delta, depth, close = active[stuck], delta[stuck], depth[stuck], close[stuck]
        axis = np.argmin(depth + np.where(blocked[active], 1e6, 0.0), axis=2)[..., None]
        push = np.take_along_axis(depth, axis, 2) * np.where(np.take_along_axis(delta, axis, 2) < 0, -1.0, 1.0)
        push = np.where(close[..., None], push, 0.0) * (axis == np.arange(3))
        move = np.einsum("pma,mn->pna", push, incidence)
        low[active] = np.clip(low[active] + STEP * move, 0.0, room[active])
    return low
