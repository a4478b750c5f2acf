"""The thermal network of a layout: n boxes and the six panels of the body.

Heat goes from box to box (straps, and bridged faces that are near), from box to panel (mounting faces, brackets,
radiation of free faces), along the panels, and from their outer faces to space.
docs/explanation/optimization.md lists what is assumed; the couplings are Fourier's law and the sum of resistances
in series (Incropera et al., Fundamentals of Heat and Mass Transfer, 3.1).
"""

from __future__ import annotations

import numpy as np

from api.workloads.optimization import thermal_network
from api.workloads.optimization.environment import PANEL_EMISSIVITY, ZERO_CELSIUS, sink_temperature
from api.workloads.optimization.placement import Layouts
from api.workloads.optimization.problem import DEFAULT_CONDUCTIVITY, Array, Problem

NEAR = 5.0
"""mm: faces closer than this are joined through a gap filler or spacers."""
JOINT = 150.0
"""W/(m²·K), a bolted joint in vacuum without filler: order of the measurements in Gilmore, chapter 8."""
FILLER = 1.0
"""W/(m·K), silicone gap filler, as data sheets give it."""
BRIDGED = 0.10
"""Part of two facing sides of boxes that is really joined (spacers, brackets); a mounting face is joined wholly."""
SCREWS = 4 * 0.25
"""W/K, the four M3 screws of a bracket, 0.25 each: order of the guideline for small stiff surfaces, ibid."""
BRACKET_SECTION = 80e-6
"""m²: two aluminium angles, 20 mm wide and 2 mm thick."""
BRACKET_FOOT = 20.0
"""mm of bracket beyond the gap to the panel."""
PANEL_THICKNESS = 1.5e-3
INNER_EMISSIVITY = 0.85
"""Inside of the panels, black."""
TOUCHING = 1e-6
"""mm of rounding error allowed below a gap of zero."""

PANELS = ("-x", "+x", "-y", "+y", "-z", "+z")


def temperatures(problem: Problem, layouts: Layouts) -> tuple[Array, Array]:
    """(p, n) of the boxes and (p, 6) of the panels, °C."""
    n = problem.count
    nodes = n + len(PANELS)
    linear = np.zeros((len(layouts.low), nodes, nodes))
    radiative = np.zeros_like(linear)
    areas = _panel_areas(problem)

    linear[:, :n, :n] = problem.straps
    covered = _join_boxes(problem, layouts, linear)
    conduction = _mountings(problem, layouts)
    radiation = _views(problem, layouts, covered)
    for matrix, block in ((linear, conduction), (radiative, radiation)):
        matrix[:, :n, n:] = block
        matrix[:, n:, :n] = block.transpose(0, 2, 1)
    linear[:, n:, n:] = _panel_edges(problem)

    power = np.concatenate([problem.power, np.zeros(len(PANELS))])
    to_space = np.concatenate([np.zeros(n), PANEL_EMISSIVITY * areas])
    kelvin = thermal_network.solve(power, linear, radiative, to_space, sink_temperature())
    return kelvin[:, :n] - ZERO_CELSIUS, kelvin[:, n:] - ZERO_CELSIUS


def _panel_areas(problem: Problem) -> Array:
    """(6,) m²."""
    sides = problem.envelope * 1e-3
    return np.repeat(sides.prod() / sides, 2)


def _panel_edges(problem: Problem) -> Array:
    """(6, 6) W/K between panels that share an edge: k t L over the way from middle to middle."""
    sides = problem.envelope * 1e-3
    edges = np.zeros((6, 6))
    for a in range(6):
        for b in range(6):
            if a // 2 != b // 2:
                shared = sides[3 - a // 2 - b // 2]
                way = (sides[a // 2] + sides[b // 2]) / 2
                edges[a, b] = DEFAULT_CONDUCTIVITY * PANEL_THICKNESS * shared / way
    return edges


def _join_boxes(problem: Problem, layouts: Layouts, linear: Array) -> Array:
    """Add the conductance of near faces to `linear`; return (p, n, 6) m², how much of each face is covered."""
    i, j = problem.first, problem.second
    low, high = layouts.low, layouts.high
    facing = np.maximum(np.minimum(high[:, i], high[:, j]) - np.maximum(low[:, i], low[:, j]), 0.0)
    half = layouts.size * 1e-3 / (2 * problem.conductivity[:, None])
    covered = np.zeros((len(low), problem.count, 6))
    to_first = np.zeros((len(i), problem.count))
    to_first[np.arange(len(i)), i] = 1.0
    to_second = np.zeros((len(j), problem.count))
    to_second[np.arange(len(j)), j] = 1.0
    joined = np.zeros((len(low), len(i)))
    for axis in range(3):
        b, c = (axis + 1) % 3, (axis + 2) % 3
        area = facing[..., b] * facing[..., c] * 1e-6
        up = low[:, j, axis] - high[:, i, axis]  # the second lies above the first
        down = low[:, i, axis] - high[:, j, axis]
        gap = np.maximum(up, down)
        resistance = half[:, i, axis] + half[:, j, axis] + 1 / JOINT + np.maximum(gap, 0.0) * 1e-3 / FILLER
        near = (gap >= -TOUCHING) & (gap <= NEAR)
        joined += np.where(near, BRIDGED * area / resistance, 0.0)
        above, below = np.where(up >= -TOUCHING, area, 0.0), np.where(down >= -TOUCHING, area, 0.0)
        covered[..., 2 * axis] += above @ to_second + below @ to_first
        covered[..., 2 * axis + 1] += above @ to_first + below @ to_second
    linear[:, i, j] += joined
    linear[:, j, i] += joined
    return covered


def _face_areas(layouts: Layouts) -> Array:
    """(p, n, 6) m², in the order of PANELS."""
    sides = layouts.size * 1e-3
    return np.repeat(sides.prod(axis=2, keepdims=True) / sides, 2, axis=2)


def _panel_gaps(problem: Problem, layouts: Layouts) -> Array:
    """(p, n, 6) mm from each face to the panel it looks at."""
    return np.stack([layouts.low, problem.envelope - layouts.high], axis=3).reshape(*layouts.low.shape[:2], 6)


def _mountings(problem: Problem, layouts: Layouts) -> Array:
    """(p, n, 6) W/K: faces that stand at a panel, and the bracket that holds each box to the nearest one."""
    gap = np.maximum(_panel_gaps(problem, layouts), 0.0)
    half = np.repeat(layouts.size * 1e-3 / (2 * problem.conductivity[:, None]), 2, axis=2)
    face = _face_areas(layouts) / (half + 1 / JOINT + gap * 1e-3 / FILLER)
    mounted = np.where(gap <= NEAR, face, 0.0)
    bracket = 1 / (1 / SCREWS + (gap + BRACKET_FOOT) * 1e-3 / (DEFAULT_CONDUCTIVITY * BRACKET_SECTION))
    nearest = np.arange(6) == np.argmin(gap, axis=2)[..., None]
    return np.asarray(mounted + np.where(nearest, bracket, 0.0))


def _views(problem: Problem, layouts: Layouts, covered: Array) -> Array:
    """(p, n, 6) m²: the uncovered part of each face and the panel it looks at, as two large parallel plates:
    A / (1/ε₁ + 1/ε₂ - 1), Incropera et al., 13.3."""
    free = np.maximum(_face_areas(layouts) - covered, 0.0)
    exchange = 1 / (1 / problem.emissivity + 1 / INNER_EMISSIVITY - 1)
    return np.asarray(free * exchange[:, None])
