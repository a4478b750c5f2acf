"""A view as rich draws it. Pure: the same view gives the same picture. Text is never read as markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from api.cli.clean import clean
from api.cli.view import View
from api.cli.words import UNITS, clock, duration, number, sparkline

STATUS = {
    "pending": ("○", "dim"),
    "running": ("▶", "cyan"),
    "paused": ("‖", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "cancelled": ("⊘", "magenta"),
}
FIGURES_WIDTH = 32
"""So that the bar does not change its length with each figure."""
LEVELS = {"debug": "dim", "warning": "yellow", "error": "red", "critical": "bold red"}


def picture(view: View, waited: float, width: int) -> RenderableType:
    """The whole of it; `waited` seconds have passed since the latest event."""
    parts: list[RenderableType] = [_head(view, waited, width), _bar(view, waited, width)]
    if view.message and view.message != view.status and view.status != "failed":
        parts.append(one_line(Text(f"  {clean(view.message)}", style="dim")))
    if view.expected:
        parts.append(one_line(Text(f"  {clean(view.expected)}")))
    if view.metrics:
        parts.append(metrics_table(view, width))
    if not view.ended:
        parts.append(_connection(view))
    return Group(*parts)


def _head(view: View, waited: float, width: int) -> RenderableType:
    icon, style = STATUS.get(view.status, ("?", ""))
    left = Text(f"{icon} {clean(view.status)}", style=style)
    left.append(f"  {_title(view)}", style="default not bold")
    if view.max_attempts > 1 and view.attempt:
        left.append(f"  attempt {view.attempt} of {view.max_attempts}", style="dim not bold")
    elapsed = view.elapsed + (0 if view.ended or view.started_at is None else waited)
    row = Table.grid(expand=True)
    row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    row.add_column(no_wrap=True, justify="right")
    row.add_row(left, Text(duration(elapsed), style="dim"))
    return row


def _title(view: View) -> str:
    short = view.task_id[:8]
    return clean(" · ".join(part for part in (view.name, view.type, short) if part))


def _bar(view: View, waited: float, width: int) -> RenderableType:
    known = view.total is not None or view.ended
    done = view.percent or 0.0
    bar = ProgressBar(
        total=100 if known else None,
        completed=done,
        pulse=not known and view.status == "running",
        animation_time=waited,
        complete_style=STATUS.get(view.status, ("", "cyan"))[1],
        finished_style=STATUS.get(view.status, ("", "green"))[1],
    )
    row = Table.grid(expand=True, padding=(0, 1))
    row.add_column(ratio=1)
    row.add_column(no_wrap=True, justify="right", min_width=min(FIGURES_WIDTH, width // 2))
    row.add_row(bar, Text(_figures(view, waited)))
    return row


def _figures(view: View, waited: float) -> str:
    parts = [f"{view.current}/{view.total}" if view.total is not None else str(view.current or "")]
    if view.percent is not None and view.total is not None:
        parts.append(f"{view.percent:.0f} %")
    if view.rate is not None and not view.ended:
        parts.append(f"{view.rate:.3g}/s")
    if view.eta_seconds is not None and not view.ended:
        parts.append(f"ETA {duration(view.eta_seconds - waited)}")
    return "  ".join(parts)


def metrics_table(view: View, width: int) -> Table:
    """Name, value, unit and the recent course of each metric."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for column in ({"overflow": "ellipsis"}, {"justify": "right"}, {"style": "dim"}, {"style": "cyan"}):
        table.add_column(no_wrap=True, **column)  # type: ignore[arg-type]  # a literal of rich's own words
    for name, value in view.metrics.items():
        trend = sparkline(view.trends.get(name, ()), min(30, width - 45))
        table.add_row(Text(f"  {clean(name)}"), Text(number(value)), UNITS.get(name, ""), trend)
    return table


def _connection(view: View) -> Text:
    if view.connection == "live":
        text = Text("● live", style="green")
    else:
        text = Text(f"↻ {clean(view.connection)} {clean(view.connection_detail)}".rstrip(), style="yellow")
    text.append(f"  #{view.last_seq}", style="dim")
    return one_line(text)


def above(envelope: Mapping[str, Any]) -> Text | None:
    """The line that an event leaves above the picture; None when the picture says it all."""
    data = envelope.get("data") or {}
    kind, at = envelope.get("event_type"), clock(envelope.get("timestamp"))
    if kind == "log":
        level = clean(data.get("level") or "info")
        text = Text(f"{at} ", style="dim")
        text.append(f"{level:<8}", style=LEVELS.get(level, "dim"))
        return one_line(text.append(clean(data.get("message") or ""), style="default not dim"))
    if kind == "status_change":
        said = " ".join(dict.fromkeys(str(data[key]) for key in ("status", "message", "error") if data.get(key)))
        text = Text(f"{at} ", style="dim")
        return one_line(text.append(clean(said), style=STATUS.get(str(data.get("status")), ("", ""))[1]))
    return None


def one_line(text: Text) -> Text:
    """Cut at the terminal's width, not wrapped."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
