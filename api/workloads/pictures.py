"""How the pictures of a result look. Matplotlib's object interface with Agg: no display, no global state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#22303c"
MUTED = "#8795a1"
BLUE = "#1f6fb2"
RED = "#c8443c"
GREEN = "#2f8f5b"
GRID = "#e3e8ec"


def write_pictures(pictures: Mapping[str, Figure], folder: Path) -> list[str]:
    """Write the pictures as PNG into `folder`; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        FigureCanvasAgg(picture).print_png(str(folder / name))
    return list(pictures)


def figure_of(width: float, height: float, title: str) -> Figure:
    """Empty, with its title; inches."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    figure.suptitle(title, color=INK, fontsize=13, fontweight="bold", x=0.01, ha="left")
    return figure


def plain(axes: Any) -> None:
    """Axes without a frame, with lines across."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
