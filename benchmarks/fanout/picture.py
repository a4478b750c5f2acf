"""CPU per delivered message, steady and burst, the sides beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.fanout.report import Sides, number

OURS, THEIRS, LIMIT = "#0b6e4f", "#9aa5b1", "#d9dee4"
PANELS = {
    "steady": "100 events a second,\none in a turn",
    "burst-20": "as fast as they come,\n20 in a turn",
}


def draw(sides: Sides, size: int, path: Path) -> None:
    """Bars of the medians with their spread, for so many subscribers, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    with mpl.rc_context({"svg.hashsalt": "fanout", "font.size": 9}):
        figure, panels = pyplot.subplots(1, len(PANELS), figsize=(8, 0.42 * len(sides) + 1.3), sharey=True)
        for panel, (setting, title) in zip(panels, PANELS.items(), strict=True):
            _bars(panel, sides, f"{setting}/{size}/cpu", title)
        panels[0].invert_yaxis()
        figure.suptitle(f"CPU of the server per delivered message, µs; {size:,} subscribers", fontsize=10)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def _bars(panel: Any, sides: Sides, key: str, title: str) -> None:
    known = {name: side["figures"][key] for name, side in sides.items() if key in side["figures"]}
    for place, name in enumerate(sides):
        if name not in known:
            continue
        taken = known[name]
        span = [[taken["median"] - taken["min"]], [taken["max"] - taken["median"]]]
        color = OURS if name.startswith("fanout") else LIMIT if name == "plain" else THEIRS
        panel.barh(place, taken["median"], xerr=span, color=color, ecolor="#52606d", height=0.7)
        panel.annotate(
            number(taken["median"]), (taken["max"], place), xytext=(4, 0), textcoords="offset points", va="center"
        )
    panel.set_yticks(range(len(sides)), [side["label"] for side in sides.values()])
    panel.set_title(title, fontsize=9)
    panel.margins(x=0.15)
    panel.spines[["top", "right"]].set_visible(False)
