"""The BOM as arrays, made once for each run: what the vectorised model works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.workloads.optimization.bom_values import Bom

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

ROTATIONS = ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx")
"""The six ways a box can stand: which of its own axes lies along the x, y and z of the envelope."""

DEFAULT_CONDUCTIVITY = 167.0
"""W/(m·K), aluminium 6061-T6: MIL-HDBK-5J, table 3.6.2.0; the usual housing of a unit."""
DEFAULT_EMISSIVITY = 0.85
"""Black anodised aluminium or black paint: Gilmore, Spacecraft Thermal Control Handbook I, appendix A."""


@dataclass(frozen=True)
class Problem:
    """n boxes, m = n(n-1)/2 pairs; lengths in mm, as in the BOM."""

    ids: tuple[str, ...]
    mass: Array
    power: Array
    temp_limit: Array
    """Each part's own limit, °C; infinite where none is given."""
    conductivity: Array
    emissivity: Array
    sizes: Array
    """(n, 6, 3): the size in each allowed rotation; the first `choices[i]` are in use."""
    rotations: Indices
    """(n, 6): which of ROTATIONS each of them is."""
    choices: Indices
    envelope: Array
    first: Indices
    """(m,): the first box of each pair."""
    second: Indices
    straps: Array
    """(n, n): conductance of `thermal_contacts`, W/K, symmetric."""
    clearance: float
    """Asked for between two boxes, mm."""

    @property
    def count(self) -> int:
        return len(self.ids)

    @property
    def dimension(self) -> int:
        """Genes of a layout: three for the place and one for the rotation of every box."""
        return 4 * self.count


def build_problem(bom: Bom) -> Problem:
    parts = [box.component for box in bom.boxes]
    stands = [_rotations(part.dimensions, bom.envelope) for part in parts]
    first, second = np.triu_indices(len(parts), 1)
    return Problem(
        ids=tuple(box.id for box in bom.boxes),
        mass=np.array([part.mass for part in parts]),
        power=np.array([part.power for part in parts]),
        temp_limit=np.array([np.inf if part.max_temp is None else part.max_temp for part in parts]),
        conductivity=np.array([part.thermal_conductivity or DEFAULT_CONDUCTIVITY for part in parts]),
        emissivity=np.array([part.emissivity or DEFAULT_EMISSIVITY for part in parts]),
        sizes=np.array([[size for _, size in _padded(stand)] for stand in stands]),
        rotations=np.array([[index for index, _ in _padded(stand)] for stand in stands]),
        choices=np.array([len(stand) for stand in stands]),
        envelope=np.array(bom.envelope),
        first=first,
        second=second,
        straps=_straps(bom),
        clearance=bom.limits.get("min_clearance_mm", 0.0),
    )


Stand = tuple[int, tuple[float, ...]]


def _rotations(size: tuple[float, ...], envelope: tuple[float, ...]) -> list[Stand]:
    """The different rotations that fit into the envelope."""
    found: dict[tuple[float, ...], int] = {}
    for index, name in enumerate(ROTATIONS):
        turned = tuple(size["xyz".index(axis)] for axis in name)
        if all(side <= room for side, room in zip(turned, envelope, strict=True)):
            found.setdefault(turned, index)
    return [(index, turned) for turned, index in found.items()]


def _padded(stand: list[Stand]) -> list[Stand]:
    return stand + [stand[0]] * (len(ROTATIONS) - len(stand))


def _straps(bom: Bom) -> Array:
    """Every box of a component is strapped to every box of the other one. Given on both sides it is one strap."""
    count = len(bom.boxes)
    straps = np.zeros((count, count))
    for i, box in enumerate(bom.boxes):
        for j, other in enumerate(bom.boxes):
            conductance = box.component.thermal_contacts.get(other.component.id)
            if conductance is not None:
                straps[i, j] = straps[j, i] = conductance
    return straps
