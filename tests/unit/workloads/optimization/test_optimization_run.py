"""Runs of the workload: determinism, resumption, cancellation, early stop, parameters."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.errors import InvalidInput, TaskCancelled
from api.workloads.optimization import OptimizationParams, workload

QUICK = {"max_iterations": 8, "population_size": 32, "convergence_threshold": 0}


def quick(bom: Any, **changes: Any) -> OptimizationParams:
    return OptimizationParams(bom=bom, **(QUICK | changes))


def layout(context: Any) -> str:
    return (context.artifact_dir / "layout.json").read_text(encoding="utf-8")


def trace(context: Any) -> list[dict[str, str]]:
    with (context.artifact_dir / "evolution_trace.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("no_pictures")
def test_same_seed_gives_the_same_files_and_another_seed_another_layout(new_context: Any, small_bom: Any) -> None:
    first, again, other = new_context(), new_context(), new_context()
    workload.run(quick(small_bom), first)
    workload.run(quick(small_bom), again)
    workload.run(quick(small_bom, seed=1), other)
    assert layout(first) == layout(again)
    assert (first.artifact_dir / "summary.json").read_bytes() == (again.artifact_dir / "summary.json").read_bytes()
    assert layout(first) != layout(other)


@pytest.mark.parametrize("cancel_at", [1, 2, 5, 8])
@pytest.mark.usefixtures("no_pictures")
def test_resumed_run_ends_exactly_as_an_uninterrupted_one(new_context: Any, small_bom: Any, cancel_at: int) -> None:
    """Population of two strategies; the interruption falls before each kind of generation."""
    params = quick(small_bom, population_size=160)
    whole, broken = new_context(), new_context(cancel_at=cancel_at)
    workload.run(params, whole)
    with pytest.raises(TaskCancelled):
        workload.run(params, broken)
    assert len(broken.saved) == cancel_at - 1
    assert len(trace(broken)) == cancel_at - 1

    resumed = new_context(restored=broken.saved[-1] if broken.saved else None)
    workload.run(params, resumed)

    assert layout(whole) == layout(resumed)
    assert trace(whole) == trace(resumed)
    assert list(range(cancel_at, 9)) == [number for number, _ in resumed.iterations]


@pytest.mark.usefixtures("no_pictures")
def test_run_resumed_after_its_last_generation_only_writes_the_results(new_context: Any, small_bom: Any) -> None:
    whole = new_context()
    workload.run(quick(small_bom), whole)
    resumed = new_context(restored=whole.saved[-1])
    workload.run(quick(small_bom), resumed)
    assert layout(whole) == layout(resumed)
    assert resumed.iterations == []


@pytest.mark.parametrize("state", [b"", b"rubbish", "other seed"])
@pytest.mark.usefixtures("no_pictures")
def test_state_that_does_not_belong_is_said_and_not_used(new_context: Any, small_bom: Any, state: Any) -> None:
    whole, other = new_context(), new_context()
    workload.run(quick(small_bom), whole)
    if state == "other seed":
        workload.run(quick(small_bom, seed=9), other)
        state = other.saved[-1]
    resumed = new_context(restored=state)
    workload.run(quick(small_bom), resumed)
    assert layout(whole) == layout(resumed)
    assert any(level == "warning" and "starting anew" in text for level, text in resumed.logs)


@pytest.mark.usefixtures("no_pictures")
def test_restart_of_converged_strategies_survives_a_resume(new_context: Any) -> None:
    """One box converges in a few generations; the strategies that start anew do so alike after a resume."""
    one = [{"id": "a", "dimensions": {"x": 10, "y": 10, "z": 10}, "mass": 1, "power": 1}]
    params = quick(one, max_iterations=120, population_size=8)
    whole, broken = new_context(), new_context(cancel_at=100)
    workload.run(params, whole)
    with pytest.raises(TaskCancelled):
        workload.run(params, broken)
    resumed = new_context(restored=broken.saved[-1])
    workload.run(params, resumed)
    assert layout(whole) == layout(resumed)
    assert trace(whole) == trace(resumed)
    summaries = [json.loads((c.artifact_dir / "summary.json").read_text(encoding="utf-8")) for c in (whole, resumed)]
    assert summaries[0]["restarts"] == summaries[1]["restarts"] > 0


@pytest.mark.usefixtures("no_pictures")
def test_metrics_are_plain_finite_numbers_and_progress_reaches_the_end(new_context: Any, small_bom: Any) -> None:
    context = new_context()
    result = workload.run(quick(small_bom), context)
    assert result is not None
    wanted = {"max_temp", "min_clearance", "cg_offset", "best_objective", "violations"}
    for _, metrics in context.iterations:
        assert wanted <= metrics.keys()
        assert all(type(value) is float for value in metrics.values())
    json.dumps([result, context.iterations], allow_nan=False)
    assert context.progresses[-1][:2] == (8, 8)
    assert {"experiments/run_test", 8, 3} == {
        result[k] for k in ("experiment_dir", "final_iteration", "num_components")
    }


def test_single_box_runs(new_context: Any) -> None:
    one = [{"id": "a", "dimensions": {"x": 10, "y": 20, "z": 30}, "mass": 1, "power": 1}]
    result = workload.run(quick(one, max_iterations=2), new_context())
    assert result is not None
    assert result["feasible"]


@pytest.mark.usefixtures("no_pictures")
def test_threshold_stops_early_once_feasible(new_context: Any, small_bom: Any) -> None:
    """Nothing improves by half over eight generations, so the ninth is the last."""
    context = new_context()
    result = workload.run(quick(small_bom, max_iterations=50, convergence_threshold=0.5), context)
    assert result is not None
    assert (result["stop_reason"], result["final_iteration"]) == ("converged", 9)


@pytest.mark.usefixtures("no_pictures")
def test_infeasible_run_never_stops_early_and_says_so(new_context: Any, small_bom: Any) -> None:
    """A mass limit that no layout can keep: the run ends, the summary shows which limit fails and by how much."""
    small_bom["constraints"] = {"max_mass_kg": 1.0}
    context = new_context()
    result = workload.run(quick(small_bom, max_iterations=12, convergence_threshold=0.5), context)
    assert result is not None
    assert (result["feasible"], result["stop_reason"]) == (False, "max_iterations")
    summary = json.loads((context.artifact_dir / "summary.json").read_text(encoding="utf-8"))
    (mass,) = [rule for rule in summary["constraints"] if rule["name"] == "max_mass_kg"]
    assert not mass["holds"]
    assert mass["margin"] == pytest.approx(-0.3)
    assert all(rule["holds"] for rule in summary["constraints"] if rule["name"] == "no_overlap")


@pytest.mark.usefixtures("no_pictures")
def test_unknown_constraint_is_reported_and_config_path_recorded(new_context: Any, small_bom: Any) -> None:
    small_bom["constraints"]["max_jitter"] = 2
    context = new_context()
    workload.run(quick(small_bom, max_iterations=1, config_path="/no/such/file"), context)
    summary = json.loads((context.artifact_dir / "summary.json").read_text(encoding="utf-8"))
    assert summary["not_evaluated"] == [{"name": "max_jitter", "value": 2}]
    assert summary["config_path"] == "/no/such/file"
    assert any("max_jitter" in text for _, text in context.logs)


def test_names_with_markup_and_dollars_are_drawn_as_they_are(new_context: Any, small_bom: Any) -> None:
    small_bom["components"][0]["id"] = r"$\frac{$ <img onerror=x>"
    result = workload.run(quick(small_bom, max_iterations=1), new_context())
    assert result is not None
    assert len(result["visualizations"]) == 3


def test_bad_bom_file_fails_with_its_flaws(new_context: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"components": []}')
    with pytest.raises(InvalidInput, match="components: is empty"):
        workload.run(OptimizationParams(bom_file="bad.json"), new_context(input_dirs=(tmp_path,)))
    with pytest.raises(InvalidInput, match="no such file"):
        workload.run(OptimizationParams(bom_file="../secret.json"), new_context(input_dirs=(tmp_path,)))


BOM = [{"id": "a", "dimensions": {"x": 1, "y": 1, "z": 1}, "mass": 1, "power": 1}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_iterations", 0),
        ("max_iterations", 100_001),
        ("max_iterations", "20"),
        ("max_iterations", True),
        ("max_iterations", 1.5),
        ("max_iterations", None),
        ("convergence_threshold", -0.1),
        ("convergence_threshold", float("nan")),
        ("convergence_threshold", float("inf")),
        ("convergence_threshold", "0.1"),
        ("convergence_threshold", True),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.5),
        ("population_size", 7),
        ("population_size", 10**9),
        ("config_path", 3),
        ("config_path", "x" * 1025),
        ("bom", "a"),
        ("bom", {"components": []}),
        ("max_iteration", 20),
    ],
)
def test_bad_params_are_refused_and_named(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        OptimizationParams.model_validate({"bom": BOM} | {field: value})
    assert field in {error["loc"][0] for error in caught.value.errors()}


@pytest.mark.parametrize("given", [{}, {"bom": BOM, "bom_file": "config/bom_example.json"}])
def test_exactly_one_bom_is_asked_for(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of bom_file and bom"):
        OptimizationParams.model_validate(given)


def test_whole_number_is_a_threshold_and_every_field_has_a_description() -> None:
    assert OptimizationParams.model_validate({"bom": BOM, "convergence_threshold": 1}).convergence_threshold == 1.0
    fields = OptimizationParams.model_json_schema()["properties"]
    assert all(field.get("description") for field in fields.values())
