"""Figures: percentiles, the machine they were taken on, the table that is printed."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(runs: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest of several runs."""
    return {"median": median(runs), "min": min(runs), "max": max(runs)}


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return {
        "cpu": cpu,
        "cores": len([line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")]),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_average": Path("/proc/loadavg").read_text().split()[:3],
    }


def row(name: str, runs: Sequence[float], unit: str, peer: Sequence[float] | None = None) -> dict[str, Any]:
    """One line of the table; `peer` is the control of the same run, given as a ratio of medians."""
    line: dict[str, Any] = {"name": name, "unit": unit, "runs": list(runs), **spread(runs)}
    if peer:
        line |= {"peer": spread(peer), "ratio": spread(runs)["median"] / max(spread(peer)["median"], 1e-9)}
    return line


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table."""
    lines = ["| figure | median | min to max | control in the same run | ratio |", "|---|---|---|---|---|"]
    for line in rows:
        unit = line["unit"]
        peer = f"{line['peer']['median']:.2f} {unit}" if "peer" in line else "–"
        ratio = f"{line['ratio']:.2f}" if "ratio" in line else "–"
        span = f"{line['min']:.2f} to {line['max']:.2f}"
        lines.append(f"| {line['name']} | {line['median']:.2f} {unit} | {span} | {peer} | {ratio} |")
    return "\n".join(lines)
