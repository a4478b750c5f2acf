"""Writes the result folder: summary.json and layout.json."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.workloads.optimization.bom_values import AXES, Bom
from api.workloads.optimization.environment import ZERO_CELSIUS, sink_temperature
from api.workloads.optimization.model import Verdict
from api.workloads.optimization.params import OptimizationParams
from api.workloads.optimization.placement import Layouts
from api.workloads.optimization.problem import ROTATIONS
from api.workloads.optimization.search import Search
from api.workloads.optimization.thermal import PANELS
from api.workloads.records import write_json


def versions() -> dict[str, str]:
    return {name: version(name) for name in ("numpy", "cma")}


@dataclass(frozen=True)
class Report:
    """What there is to tell at the end of a run."""

    params: OptimizationParams
    bom: Bom
    search: Search
    stop_reason: str
    task_id: str

    @cached_property
    def verdict(self) -> Verdict:
        return self.search.verdict()

    @property
    def layout(self) -> Layouts:
        return self.search.best

    @property
    def feasible(self) -> bool:
        return not self.verdict.broken[0]

    def metrics(self) -> dict[str, float]:
        """The figures of the best layout; temperatures in °C, lengths in mm, inertia in kg·m²."""
        verdict = self.verdict
        tensor = verdict.inertia[0]
        return {
            "max_temp": float(verdict.boxes[0].max()),
            "min_temp": float(verdict.boxes[0].min()),
            "min_clearance": float(verdict.clearance[0]),
            "cg_offset": float(verdict.offset[0]),
            "best_objective": float(verdict.objective[0]),
            "violations": float(verdict.broken[0]),
            "compactness": float(verdict.bounding[0]),
            "ixx": float(tensor[0, 0]),
            "iyy": float(tensor[1, 1]),
            "izz": float(tensor[2, 2]),
            "total_mass": float(self.search.problem.mass.sum()),
            "total_power": float(self.search.problem.power.sum()),
        }


def write(report: Report, folder: Path) -> None:
    write_json(folder / "summary.json", summary(report))
    write_json(folder / "layout.json", layout(report))


def summary(report: Report) -> dict[str, Any]:
    verdict, bom, params = report.verdict, report.bom, report.params
    ids = report.search.problem.ids
    return {
        "task_id": report.task_id,
        "feasible": report.feasible,
        "metrics": report.metrics(),
        "constraints": [rule.as_dict(0) for rule in verdict.rules],
        "not_evaluated": [{"name": name, "value": value} for name, value in bom.not_evaluated.items()],
        "temperatures": dict(zip(ids, verdict.boxes[0].tolist(), strict=True)),
        "panel_temperatures": dict(zip(PANELS, verdict.panels[0].tolist(), strict=True)),
        "center_of_gravity": dict(zip(AXES, verdict.cg[0].tolist(), strict=True)),
        "sink_temperature": sink_temperature() - ZERO_CELSIUS,
        "num_components": len(bom.boxes),
        "envelope": dict(zip(AXES, bom.envelope, strict=True)),
        "envelope_derived": not bom.envelope_given,
        "final_iteration": report.search.generation,
        "max_iterations": params.max_iterations,
        "convergence_threshold": params.convergence_threshold,
        "stop_reason": report.stop_reason,
        "seed": params.seed,
        "population_size": report.search.population,
        "restarts": report.search.restarts,
        "bom_file": params.bom_file,
        "config_path": params.config_path,
        "versions": versions(),
    }


def layout(report: Report) -> dict[str, Any]:
    """Where every box stands: mm, `position` is the corner of least coordinates in a frame whose origin is the
    envelope's corner, `size` is after rotation, `rotation` names the box's own axes along x, y and z."""
    best, ids = report.layout, report.search.problem.ids
    boxes = [
        {
            "id": box,
            "position": dict(zip(AXES, best.low[0, k].tolist(), strict=True)),
            "size": dict(zip(AXES, best.size[0, k].tolist(), strict=True)),
            "rotation": ROTATIONS[best.rotation[0, k]],
        }
        for k, box in enumerate(ids)
    ]
    return {"envelope": dict(zip(AXES, report.bom.envelope, strict=True)), "components": boxes}
