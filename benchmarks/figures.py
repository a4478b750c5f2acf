"""Figures: percentiles, and the table that is printed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

Row = dict[str, Any]
HEAD = "| figure | target | median | min to max | control in the same run | ratio |\n|---|---|---|---|---|---|"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(runs: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest of several runs."""
    return {"median": median(runs), "min": min(runs), "max": max(runs)}


def row(name: str, runs: Sequence[float], unit: str, peer: Sequence[float] | None = None, target: str = "") -> Row:
    """One line of the table; `peer` is the control of the same run, given as a ratio of medians."""
    line: Row = {"name": name, "unit": unit, "target": target, "runs": list(runs), **spread(runs)}
    if peer:
        line["peer"] = {"runs": list(peer), **spread(peer)}
        if line["peer"]["median"] > 0:
            line["ratio"] = line["median"] / line["peer"]["median"]
    return line


def skipped(name: str, reason: str) -> Row:
    """A line for what could not be measured here."""
    return {"name": name, "skipped": reason}


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table."""
    return "\n".join([HEAD, *map(_line, rows)])


def _line(line: Row) -> str:
    if "skipped" in line:
        return f"| {line['name']} | | left out: {line['skipped']} | – | – | – |"
    unit = line["unit"]
    peer = f"{_number(line['peer']['median'])} {unit}" if "peer" in line else "–"
    ratio = _number(line["ratio"]) if "ratio" in line else "–"
    span = f"{_number(line['min'])} to {_number(line['max'])}"
    return f"| {line['name']} | {line['target']} | {_number(line['median'])} {unit} | {span} | {peer} | {ratio} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
