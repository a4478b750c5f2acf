"""The three pictures of a result. Matplotlib's object interface with Agg: no display, no global state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from api.workloads.optimization.problem import Array
from api.workloads.optimization.results import Report
from api.workloads.pictures import BLUE, GREEN, GRID, INK, MUTED, RED, figure_of, plain, write_pictures

TAG = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "boxstyle": "round,pad=0.15"}
VIEWS = (("seen from +z", 0, 1), ("seen from -x", 2, 1), ("seen from -y", 0, 2))
"""Title, axis across, axis up; the eye is where across × up points. Neighbours in the drawing share an axis."""


def draw(report: Report, folder: Path) -> list[str]:
    """Write the pictures as PNG into `folder`; returns their names."""
    pictures: dict[str, Callable[[Report], Figure]] = {
        "convergence.png": convergence,
        "layout.png": layout,
        "temperatures.png": temperatures,
    }
    return write_pictures({name: picture(report) for name, picture in pictures.items()}, folder)


def convergence(report: Report) -> Figure:
    """Best objective, and the figures behind it, over the generations."""
    rows = report.search.rows
    limits = report.bom.limits
    figure = figure_of(10, 6.4, f"Convergence over {len(rows)} generations")
    panels = figure.subplots(2, 2, sharex=True).flat
    series = (
        ("best_objective", "objective of the best layout", None),
        ("max_temp", "hottest part, °C", limits.get("max_temp_c")),
        ("min_clearance", "smallest clearance, mm", limits.get("min_clearance_mm", 0.0)),
        ("cg_offset", "offset of the centre of gravity, mm", limits.get("max_cg_offset_mm")),
    )
    for axes, (name, label, limit) in zip(panels, series, strict=True):
        _curve(axes, report, name, limit)
        axes.set_title(label, loc="left", fontsize=10, color=INK)
        if limit is not None:
            axes.axhline(limit, color=RED, linestyle="--", linewidth=1.2)
            axes.annotate(
                f"limit {limit:g}", (1, limit), (-4, 3), ("axes fraction", "data"), "offset points",
                ha="right", fontsize=9, color=RED,
            )  # fmt: skip
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="upper right", ncols=2, fontsize=9, frameon=False)
    figure.supxlabel("generation", fontsize=10, color=INK)
    return figure


def _curve(axes: Any, report: Report, name: str, limit: float | None) -> None:
    values = np.array([row[name] for row in report.search.rows])
    feasible = np.array([not row["violations"] for row in report.search.rows])
    numbers = np.arange(1, len(values) + 1)
    plain(axes)
    axes.plot(numbers, values, color=BLUE, linewidth=1.8, zorder=2)
    for chosen, colour, label in ((feasible, GREEN, "feasible"), (~feasible, RED, "not feasible yet")):
        if chosen.any():
            axes.scatter(numbers[chosen], values[chosen], s=24, color=colour, zorder=3, label=label)
    if name != "best_objective" and values.min() >= 0:
        axes.set_ylim(bottom=0, top=1.25 * max(float(values.max()), limit or 0.0, 1e-3))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def layout(report: Report) -> Figure:
    """The boxes from three sides, as in a drawing: coloured by temperature, hidden edges dotted."""
    widths, heights = _drawing_sizes(report.bom.envelope)
    left, below, gap, above, names = 0.8, 0.7, 0.9, 0.9, 3.2  # inches around and between the views
    width, height = left + sum(widths) + gap + names, below + sum(heights) + gap + above
    figure = figure_of(
        width, height, f"Layout in an envelope of {' x '.join(f'{side:g}' for side in report.bom.envelope)} mm"
    )
    figure.set_layout_engine("none")

    def cell(x: float, y: float, across: float, up: float) -> Any:
        return figure.add_axes((x / width, y / height, across / width, up / height))

    heat = report.verdict.boxes[0]
    scale = Normalize(float(heat.min()), max(float(heat.max()), float(heat.min()) + 1.0))
    tones = ScalarMappable(scale, colormaps["YlOrRd"])
    right, upper = left + widths[0] + gap, below + heights[1] + gap
    corners = (
        (left, upper, widths[0], heights[0]),
        (right, upper, widths[1], heights[0]),
        (left, below, widths[0], heights[1]),
    )
    for corner, view in zip(corners, VIEWS, strict=True):
        _view(cell(*corner), report, view, tones)
    _names(cell(right + widths[1] + 0.4, below, names - 0.5, height - below - above), report)
    bar = cell(right, below + 0.35, widths[1], 0.2)
    figure.colorbar(tones, cax=bar, orientation="horizontal", label="°C")
    bar.locator_params(nbins=4)
    entries = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        *entries, loc="lower left", bbox_to_anchor=(right / width, (below + 0.65) / height), fontsize=9, frameon=False
    )
    return figure


def _drawing_sizes(envelope: tuple[float, float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Inches of the columns (x, z) and rows (y, z) of the drawing; a very slender body gets room for its labels."""
    x, y, z = envelope
    zoom = min(7.5 / (x + z), 7.5 / (y + z))
    return (max(zoom * x, 1.5), max(zoom * z, 2.0)), (max(zoom * y, 1.5), max(zoom * z, 1.5))


def _view(axes: Any, report: Report, view: tuple[str, int, int], tones: ScalarMappable) -> None:
    title, across, up = view
    best, envelope = report.layout, report.bom.envelope
    low, size, high = best.low[0], best.size[0], best.high[0]
    depth = 3 - across - up
    order = np.argsort(high[:, depth] if title.endswith("+z") else -low[:, depth], kind="stable")  # nearest last
    for k in order:
        edges = {"xy": (low[k, across], low[k, up]), "width": size[k, across], "height": size[k, up], "linewidth": 1}
        axes.add_patch(Rectangle(facecolor=tones.to_rgba(report.verdict.boxes[0, k]), edgecolor=INK, **edges, zorder=1))
        axes.add_patch(Rectangle(fill=False, edgecolor=INK, linestyle=":", alpha=0.6, **edges, zorder=2))
    for place, k in enumerate(order):
        in_front = order[place + 1 :]
        point = _free_point(low[k], high[k], low[in_front], high[in_front], (across, up))
        axes.text(*point, str(k + 1), ha="center", va="center", fontsize=9, color=INK, zorder=4, bbox=TAG)
    axes.add_patch(Rectangle((0, 0), envelope[across], envelope[up], fill=False, edgecolor=MUTED, linewidth=2))
    cg = report.verdict.cg[0]
    mark = {"linestyle": "none", "markeredgewidth": 2, "zorder": 5}
    axes.plot(cg[across], cg[up], marker="x", color=BLUE, markersize=9, label="centre of gravity", **mark)
    axes.plot(envelope[across] / 2, envelope[up] / 2, marker="+", color=INK, markersize=11, label="middle", **mark)
    rim = 0.03 * max(envelope)
    axes.set(aspect="equal", xlim=(-rim, envelope[across] + rim), ylim=(-rim, envelope[up] + rim))
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(f"{'xyz'[across]}, mm", fontsize=9)
    axes.set_ylabel(f"{'xyz'[up]}, mm", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[:].set_visible(False)


def _free_point(low: Array, high: Array, lows: Array, highs: Array, axes: tuple[int, int]) -> tuple[float, float]:
    """A point of the box that nothing in front of it hides: the middle if that is free, else one near a corner."""
    a, b = axes
    for s, t in (
        (0.5, 0.5),
        (0.5, 0.88),
        (0.88, 0.5),
        (0.12, 0.5),
        (0.5, 0.12),
        (0.9, 0.9),
        (0.1, 0.1),
        (0.9, 0.1),
        (0.1, 0.9),
    ):
        point = np.array([low[a] + s * (high[a] - low[a]), low[b] + t * (high[b] - low[b])])
        hidden = (lows[:, axes] <= point).all(axis=1) & (highs[:, axes] >= point).all(axis=1)
        if not hidden.any():
            break
    return float(point[0]), float(point[1])


def _names(axes: Any, report: Report) -> None:
    """What the numbers stand for."""
    axes.set_axis_off()
    ids, heat = report.search.problem.ids, report.verdict.boxes[0]
    spacing = min(0.045, 1 / len(ids))
    for k, name in enumerate(ids):
        text = f"{k + 1:>2}  {_label(name)}  {heat[k]:.1f} °C"
        axes.text(0, 1 - k * spacing, text, va="top", fontsize=min(10, 420 * spacing), color=INK, parse_math=False)


def temperatures(report: Report) -> Figure:
    """Every part beside its limit, hottest first."""
    problem, heat = report.search.problem, report.verdict.boxes[0]
    order = np.argsort(heat, kind="stable")
    limits = np.minimum(problem.temp_limit, report.bom.limits.get("max_temp_c", np.inf))[order]
    known = np.isfinite(limits)
    figure = figure_of(9, 1.6 + 0.36 * len(order), "Steady-state temperatures in the hot case")
    axes = figure.subplots()
    plain(axes)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    rows = np.arange(len(order))
    start = min(0.0, float(heat.min()) - 5)
    colours = np.where(heat[order] > limits + 1e-6, RED, BLUE)
    axes.barh(rows, heat[order] - start, left=start, height=0.62, color=colours)
    for row, value in enumerate(heat[order].tolist()):
        axes.annotate(f"{value:.1f}", (value, row), (4, 0), "data", "offset points", va="center", fontsize=9, color=INK)
    if known.any():
        axes.scatter(limits[known], rows[known], marker="|", s=180, linewidths=2.4, color=RED, label="limit", zorder=3)
        figure.legend(*axes.get_legend_handles_labels(), loc="upper right", fontsize=9, frameon=False)
    axes.set_yticks(rows, [_label(problem.ids[k]) for k in order], parse_math=False)
    axes.set_xlabel("°C", fontsize=10)
    return figure


def _label(text: str) -> str:
    return text if len(text) <= 18 else text[:17] + "…"
