"""Optimisation: places the boxes of a small satellite and reports what the layout costs.

Importing this package is light; NumPy, cma and matplotlib come in with `run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.workloads import Context, Workload
from api.workloads.optimization.bom import load_bom, parse_bom, validate_bom
from api.workloads.optimization.params import OptimizationParams

__all__ = ["OptimizationParams", "load_bom", "parse_bom", "validate_bom", "workload"]


def run(params: OptimizationParams, ctx: Context) -> Mapping[str, Any]:
    """Search for a layout and write the result folder; see docs/explanation/optimization.md."""
    warm_up()
    from api.workloads.optimization.runner import optimise

    return optimise(params, ctx)


def warm_up() -> None:
    """Import the numerical libraries, on one core."""
    from api.workloads.one_core import limit_threads

    limit_threads()  # they read it when they are loaded, so before the next import
    import api.workloads.optimization.runner  # noqa: F401


workload = Workload(
    type="optimization",
    title="Satellite layout",
    params=OptimizationParams,
    run=run,
    warm_up=warm_up,
    description=(
        "Places the boxes of a bill of materials in the envelope of a small satellite: no overlap, clearance, "
        "centre of gravity, temperatures; then small inertia and a compact build."
    ),
    example={"bom_file": "config/bom_example.json", "max_iterations": 20, "convergence_threshold": 0.01},
    size=("bom_file", "bom", "max_iterations", "convergence_threshold", "population_size"),
)
