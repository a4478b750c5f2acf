"""The body of an optimisation: generations until the end, reported and saved one by one, then the results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from api.workloads import Context
from api.workloads.optimization import plots, results
from api.workloads.optimization.bom import load_bom, parse_bom
from api.workloads.optimization.bom_values import Bom
from api.workloads.optimization.params import OptimizationParams
from api.workloads.optimization.problem import build_problem
from api.workloads.optimization.search import Search, dump, population_size, restore
from api.workloads.records import Trace

REPORTED = (
    "max_temp",
    "min_temp",
    "min_clearance",
    "cg_offset",
    "best_objective",
    "violations",
    "feasible_fraction",
)


def optimise(params: OptimizationParams, ctx: Context) -> dict[str, Any]:
    """Run the search in `ctx.artifact_dir` and return the task's result."""
    bom = _bom(params, ctx)
    fingerprint = _fingerprint(params, bom)
    search = restore(ctx.restored, fingerprint) or _fresh(params, bom)
    _greet(bom, search, ctx)
    stop_reason = _generations(params, ctx, search, fingerprint)
    return _finish(params, ctx, bom, search, stop_reason)


def _bom(params: OptimizationParams, ctx: Context) -> Bom:
    if params.bom_file is not None:
        return load_bom(ctx.input_path(params.bom_file))
    return parse_bom(params.bom)


def _fresh(params: OptimizationParams, bom: Bom) -> Search:
    problem = build_problem(bom)
    return Search(problem, bom.limits, params.seed, params.population_size or population_size(problem))


def _fingerprint(params: OptimizationParams, bom: Bom) -> str:
    """What a saved state must agree with to be continued: inputs and the libraries that pickled it."""
    inputs = {
        "bom": asdict(bom),
        "seed": params.seed,
        "population": params.population_size,
        "libraries": results.versions(),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def _greet(bom: Bom, search: Search, ctx: Context) -> None:
    size = " x ".join(f"{side:g}" for side in bom.envelope)
    origin = "" if bom.envelope_given else " (derived from the parts)"
    ctx.log(f"{len(bom.boxes)} boxes, envelope {size} mm{origin}, {len(bom.limits)} constraints")
    for name in bom.not_evaluated:
        ctx.log(f"constraint {name} is not known here: not evaluated", "warning")
    if search.generation:
        ctx.log(f"going on after generation {search.generation}")
    elif ctx.restored is not None:
        ctx.log("the saved state is of other inputs or versions: starting anew", "warning")


def _generations(params: OptimizationParams, ctx: Context, search: Search, fingerprint: str) -> str:
    """Returns why it stopped: `converged` or `max_iterations`."""
    with Trace(ctx.artifact_dir, search.rows) as trace:
        while search.generation < params.max_iterations:
            if search.converged(params.convergence_threshold):
                return "converged"
            ctx.checkpoint()
            row = search.step()
            trace.add(search.generation, row)
            _report(params, ctx, search, row)
            ctx.save(dump(search, fingerprint))
    return "max_iterations"


def _report(params: OptimizationParams, ctx: Context, search: Search, row: Mapping[str, float]) -> None:
    number = search.generation
    ctx.iteration(number, {name: row[name] for name in REPORTED})
    broken = int(row["violations"])
    state = "feasible" if not broken else f"{broken} constraint{'s' if broken > 1 else ''} broken"
    ctx.progress(number, params.max_iterations, f"generation {number}: {state}, best {row['best_objective']:.4f}")
    if not broken and (number == 1 or search.rows[-2]["violations"]):
        ctx.log(f"generation {number}: first feasible layout")


def _finish(params: OptimizationParams, ctx: Context, bom: Bom, search: Search, stop_reason: str) -> dict[str, Any]:
    report = results.Report(params, bom, search, stop_reason, ctx.task_id)
    results.write(report, ctx.artifact_dir)
    ctx.progress(search.generation, params.max_iterations, "drawing the pictures")
    pictures = plots.draw(report, ctx.artifact_dir / "visualizations")
    verdict = "feasible" if report.feasible else "no feasible layout found"
    ctx.log(
        f"{verdict} after {search.generation} generations ({stop_reason})",
        "info" if report.feasible else "warning",
    )
    return {
        "experiment_dir": ctx.result_dir,
        "final_iteration": search.generation,
        "num_components": len(bom.boxes),
        "feasible": report.feasible,
        "stop_reason": stop_reason,
        "metrics": report.metrics(),
        "visualizations": pictures,
    }
