"""What is written of the runs: a table for each metric, a column for each side, ratios to Node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.fanout.plan import BURSTS
from benchmarks.figures import spread

Spread = Mapping[str, float]
Sides = Mapping[str, Mapping[str, Any]]
"""By name: its `label`, and its `figures`, each a spread, by their keys."""
CONTROL = "node"
METRICS = {
    "cpu": "CPU of the server per delivered message, µs",
    "rate": "Messages delivered each second",
    "p50": "From emit to the subscriber, p50, ms",
    "p99": "From emit to the subscriber, p99, ms",
    "load": "How busy the load generator was, % of a core",
}
SETTINGS = {"steady": "steady", **{f"burst-{events}": f"{events} a turn" for events in BURSTS}}
TARGETS = {
    "memory": "≤ 15 KiB",
    "connect/500": "≤ 1 ms",
    "steady/500/cpu": "≤ 0.6 × Node",
    "burst-20/500/cpu": "≤ 0.05 × Node",
}


def summed(runs: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """The figures of several runs, each with its median, least and greatest; a run may lack some."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for key, value in run.items():
            values.setdefault(key, []).append(float(f"{value:.5g}"))
    return {key: {**spread(taken), "runs": taken} for key, taken in values.items()}


def markdown(sides: Sides, sizes: Sequence[int], left_out: Mapping[str, str]) -> str:
    """The tables; `left_out` tells why a side, by its label, was not measured or not to its end."""
    connection = {"memory": "memory of an idle one, KiB"}
    connection |= {f"connect/{size}": f"CPU to connect and join, {size:,} of them, ms each" for size in sizes}
    tables = [_table("Connections", connection, sides)]
    for metric, title in METRICS.items():
        lines = {
            f"{setting}/{size}/{metric}": f"{size:,}, {words}" for size in sizes for setting, words in SETTINGS.items()
        }
        tables.append(_table(title, lines, sides))
    missing = [f"Not measured: {label}: {reason}" for label, reason in left_out.items()]
    return "\n\n".join([*tables, *missing])


def encodings_table(encodings: Mapping[str, Mapping[str, Spread]]) -> str:
    """What each encoding costs, by its name; ratios are to the first."""
    first, *_ = encodings.values()
    keys = list(dict.fromkeys(key for figures in encodings.values() for key in figures))
    head = [f"| api.fanout, 500 subscribers | {' | '.join(encodings)} |", "|---" * (len(encodings) + 1) + "|"]
    lines = []
    for key in keys:
        setting, _, metric = key.partition("/")
        unit = "CPU per message, µs" if metric == "cpu" else "bytes on the wire per message"
        cells = [
            _cell(figures.get(key), first.get(key) if figures is not first else None) for figures in encodings.values()
        ]
        lines.append(f"| {setting}: {unit} | {' | '.join(cells)} |")
    return "\n".join([*head, *lines])


def _table(title: str, lines: Mapping[str, str], sides: Sides) -> str:
    head = [f"| {title} | {' | '.join(side['label'] for side in sides.values())} |", "|---" * (len(sides) + 1) + "|"]
    return "\n".join(head + [_line(key, words, sides) for key, words in lines.items() if _known(key, sides)])


def _known(key: str, sides: Sides) -> bool:
    return any(key in side["figures"] for side in sides.values())


def _line(key: str, words: str, sides: Sides) -> str:
    control = sides.get(CONTROL, {"figures": {}})["figures"].get(key)
    compared = control if not key.endswith("/load") else None
    cells = [_cell(side["figures"].get(key), compared if name != CONTROL else None) for name, side in sides.items()]
    target = f" ({TARGETS[key]})" if key in TARGETS else ""
    return f"| {words}{target} | {' | '.join(cells)} |"


def _cell(figure: Spread | None, control: Spread | None) -> str:
    if figure is None:
        return "–"
    ratio = f" **×{number(figure['median'] / control['median'])}**" if control and control["median"] > 0 else ""
    span = f" ({number(figure['min'])} to {number(figure['max'])})" if figure["min"] < figure["max"] else ""
    return f"{number(figure['median'])}{span}{ratio}"


def number(value: float) -> str:
    """Three digits that count, no exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"
