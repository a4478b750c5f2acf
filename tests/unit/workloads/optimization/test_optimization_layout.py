"""The written layout, checked by separate arithmetic: plain Python, nothing of the model is imported."""

from __future__ import annotations

import csv
import json
import math
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from api.workloads.optimization import workload

CONFIG = Path(__file__).parents[4] / "config"
EXAMPLES = ("bom_example.json", "bom_complex.json")
SIGMA = 5.670374419e-8


def read(name: str) -> dict[str, Any]:
    return json.loads((CONFIG / name).read_text(encoding="utf-8"))


def boxes_of(bom: dict[str, Any], layout: dict[str, Any]) -> list[dict[str, Any]]:
    """Each placed box with its line of the BOM and its corners as lists."""
    parts = {}
    for part in bom["components"]:
        many = part.get("quantity", 1)
        for number in range(1, many + 1):
            parts[part["id"] if many == 1 else f"{part['id']}-{number}"] = part
    placed = []
    for item in layout["components"]:
        low = [item["position"][axis] for axis in "xyz"]
        size = [item["size"][axis] for axis in "xyz"]
        high = [a + b for a, b in zip(low, size, strict=True)]
        placed.append({**item, "low": low, "high": high, "size": size, "part": parts.pop(item["id"])})
    assert not parts, "every box is placed"
    return placed


def distance(a: dict[str, Any], b: dict[str, Any]) -> float:
    gaps = [max(a["low"][k] - b["high"][k], b["low"][k] - a["high"][k]) for k in range(3)]
    if max(gaps) < 0:
        middles = [abs(a["low"][k] + a["high"][k] - b["low"][k] - b["high"][k]) / 2 for k in range(3)]
        return max(middles[k] - (a["size"][k] + b["size"][k]) / 2 for k in range(3))
    return math.sqrt(sum(max(gap, 0.0) ** 2 for gap in gaps))


def gravity(boxes: list[dict[str, Any]]) -> list[float]:
    total = sum(box["part"]["mass"] for box in boxes)
    return [sum(box["part"]["mass"] * (box["low"][k] + box["high"][k]) / 2 for box in boxes) / total for k in range(3)]


def moments(boxes: list[dict[str, Any]], cg: list[float]) -> list[float]:
    """ixx, iyy, izz in kg·m²."""
    result = [0.0, 0.0, 0.0]
    for box in boxes:
        for axis in range(3):
            for other in {0, 1, 2} - {axis}:
                arm = ((box["low"][other] + box["high"][other]) / 2 - cg[other]) / 1000
                result[axis] += box["part"]["mass"] * ((box["size"][other] / 1000) ** 2 / 12 + arm**2)
    return result


def heat_links(boxes: list[dict[str, Any]], envelope: list[float]) -> tuple[list[list[float]], list[list[float]]]:
    """Conductances (W/K) and radiative areas (m²) among the boxes and then the panels -x +x -y +y -z +z,
    from the description in docs/explanation/optimization.md."""
    n = len(boxes)
    linear = [[0.0] * (n + 6) for _ in range(n + 6)]
    radiative = [[0.0] * (n + 6) for _ in range(n + 6)]

    def join(matrix: list[list[float]], a: int, b: int, value: float) -> None:
        matrix[a][b] += value
        matrix[b][a] += value

    def half_way(box: dict[str, Any], axis: int) -> float:
        return box["size"][axis] / 1000 / 2 / box["part"].get("thermal_conductivity", 167.0)

    covered = [[0.0] * 6 for _ in boxes]
    for a, b in combinations(range(n), 2):
        one, two = boxes[a], boxes[b]
        strap = one["part"].get("thermal_contacts", {}).get(two["part"]["id"])
        if strap is None:
            strap = two["part"].get("thermal_contacts", {}).get(one["part"]["id"], 0.0)
        join(linear, a, b, strap)
        for axis in range(3):
            area = 1e-6
            for other in {0, 1, 2} - {axis}:
                area *= max(
                    0.0,
                    min(one["high"][other], two["high"][other]) - max(one["low"][other], two["low"][other]),
                )
            lower, upper = (a, b) if one["low"][axis] < two["low"][axis] else (b, a)
            gap = boxes[upper]["low"][axis] - boxes[lower]["high"][axis]
            if gap < -1e-6:
                continue
            covered[lower][2 * axis + 1] += area
            covered[upper][2 * axis] += area
            if gap <= 5.0:
                resistance = half_way(one, axis) + half_way(two, axis) + 1 / 150 + max(gap, 0) / 1000 / 1.0
                join(linear, a, b, 0.1 * area / resistance)

    for a, box in enumerate(boxes):
        gaps = []
        for panel in range(6):
            axis = panel // 2
            gap = max(0.0, envelope[axis] - box["high"][axis] if panel % 2 else box["low"][axis])
            gaps.append(gap)
            area = math.prod(box["size"][k] for k in {0, 1, 2} - {axis}) * 1e-6
            if gap <= 5.0:
                join(linear, a, n + panel, area / (half_way(box, axis) + 1 / 150 + gap / 1000))
            emissivity = box["part"].get("emissivity", 0.85)
            join(radiative, a, n + panel, max(0.0, area - covered[a][panel]) / (1 / emissivity + 1 / 0.85 - 1))
        nearest = min(gaps)
        join(linear, a, n + gaps.index(nearest), 1 / (1 / (4 * 0.25) + (nearest + 20) / 1000 / (167 * 80e-6)))

    for a, b in combinations(range(6), 2):
        if a // 2 != b // 2:
            (along,) = {0, 1, 2} - {a // 2, b // 2}
            way = (envelope[a // 2] + envelope[b // 2]) / 2
            join(linear, n + a, n + b, 167 * 0.0015 * envelope[along] / way)
    return linear, radiative


def sink_kelvin() -> float:
    view = (1 - math.cos(math.asin(6371 / 6871))) / 2
    flux = 0.70 * 1361 * (0.63 / 4 + 0.30 * 0.25 * view) + 0.82 * 239 * view
    return (flux / (0.82 * SIGMA)) ** 0.25


def temperatures(boxes: list[dict[str, Any]], envelope: list[float]) -> list[float]:
    """°C of the boxes, node by node until nothing moves (Gauss-Seidel, one Newton step for each node)."""
    linear, radiative = heat_links(boxes, envelope)
    n, nodes = len(boxes), len(boxes) + 6
    power = [box["part"]["power"] for box in boxes] + [0.0] * 6
    outside = [0.0] * n + [0.82 * math.prod(envelope[k] for k in {0, 1, 2} - {p // 2}) * 1e-6 for p in range(6)]
    sink = sink_kelvin()
    kelvin = [sink + 20] * nodes

    def surplus(node: int, value: float) -> float:
        total = power[node] + outside[node] * SIGMA * (sink**4 - value**4)
        for other in range(nodes):
            total += linear[node][other] * (kelvin[other] - value)
            total += radiative[node][other] * SIGMA * (kelvin[other] ** 4 - value**4)
        return total

    for _ in range(3000):
        moved = 0.0
        for node in range(nodes):
            value = kelvin[node]
            slope = sum(linear[node]) + 4 * SIGMA * value**3 * (sum(radiative[node]) + outside[node])
            kelvin[node] = value + surplus(node, value) / slope
            moved = max(moved, abs(kelvin[node] - value))
        if moved < 1e-7:
            return [value - 273.15 for value in kelvin[:n]]
    raise AssertionError("the temperatures do not settle")


def verify(bom: dict[str, Any], folder: Path) -> None:
    """Recompute what summary.json says from layout.json and the BOM, and hold it against the BOM's limits."""
    layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    metrics, limits = summary["metrics"], bom["constraints"]
    envelope = [layout["envelope"][axis] for axis in "xyz"]
    boxes = boxes_of(bom, layout)

    for box in boxes:
        own = [box["part"]["dimensions"][axis] for axis in box["rotation"]]
        assert own == box["size"], "the size is the part's own, turned as `rotation` says"
        assert all(low >= 0 for low in box["low"])
        assert all(high <= side + 1e-9 for high, side in zip(box["high"], envelope, strict=True))

    closest = min(distance(a, b) for a, b in combinations(boxes, 2))
    assert metrics["min_clearance"] == pytest.approx(closest, abs=1e-6)
    assert closest >= limits["min_clearance_mm"] - 1e-6

    cg = gravity(boxes)
    offset = math.dist(cg, [side / 2 for side in envelope])
    assert metrics["cg_offset"] == pytest.approx(offset, abs=1e-6)
    assert offset <= limits["max_cg_offset_mm"] + 1e-6
    assert [metrics["ixx"], metrics["iyy"], metrics["izz"]] == pytest.approx(moments(boxes, cg), rel=1e-9)

    heat = temperatures(boxes, envelope)
    assert [summary["temperatures"][box["id"]] for box in boxes] == pytest.approx(heat, abs=1e-3)
    for box, value in zip(boxes, heat, strict=True):
        assert value <= min(box["part"].get("max_temp", math.inf), limits["max_temp_c"]) + 1e-3
    assert sum(box["part"]["power"] for box in boxes) <= limits["max_power_w"]
    assert sum(box["part"]["mass"] for box in boxes) <= limits["max_mass_kg"]

    assert summary["feasible"]
    assert all(rule["holds"] for rule in summary["constraints"])
    evaluated = {rule["name"] for rule in summary["constraints"]}
    left_out = {rule["name"] for rule in summary["not_evaluated"]}
    assert set(limits) == (evaluated | left_out) - {"no_overlap", "part_max_temp"}
    assert left_out == {"min_first_frequency_hz"}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", EXAMPLES)
def test_shipped_example_is_feasible_and_the_report_is_true(name: str, seed: int, new_context: Any) -> None:
    """With the default iterations each seed gives a layout that keeps every limit, by an independent computation.

    The population is a tenth or less of the default one, which makes it harder, not easier.
    """
    context = new_context()
    params = workload.params(bom_file=f"config/{name}", seed=seed, population_size=80)

    result = workload.run(params, context)

    assert result is not None
    assert result["feasible"]
    verify(read(name), context.artifact_dir)


def test_defaults_on_the_example_improve_from_first_to_last_generation(new_context: Any) -> None:
    """The run of the demo: reports, trace and files agree with each other."""
    context = new_context()
    result = workload.run(workload.params(**workload.example), context)
    assert result is not None

    numbers = [number for number, _ in context.iterations]
    assert list(range(1, result["final_iteration"] + 1)) == numbers
    assert len(numbers) <= context.checkpoints
    best = [metrics["best_objective"] for _, metrics in context.iterations]
    assert sorted(best, reverse=True) == best
    assert best[-1] < 0.9 * best[0]

    with (context.artifact_dir / "evolution_trace.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [str(number) for number in numbers] == [row["iteration"] for row in rows]
    assert best == [float(row["best_objective"]) for row in rows]
    assert result["visualizations"] == ["convergence.png", "layout.png", "temperatures.png"]
    for name in result["visualizations"]:
        assert (context.artifact_dir / "visualizations" / name).read_bytes().startswith(b"\x89PNG")
    verify(read("bom_example.json"), context.artifact_dir)
