"""The picture in a terminal: what it shows, how wide it is, and that it obeys no text."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from api.cli.picture import above, picture
from api.cli.screen import RichScreen
from api.cli.view import View, connected

VIEW = View(
    "3f0c9e0a-1111-4222-8333-444455556666",
    name="panel B",
    type="optimization",
    status="running",
    message="generation 12",
    percent=60.0,
    current=12,
    total=20,
    eta_seconds=65.0,
    metrics={"max_temp": 41.25, "min_clearance": 5.0},
    trends={"max_temp": (3.0, 2.0, 1.0)},
    pace=((0.0, 0), (4.0, 12)),
    started_at=0.0,
    heard_at=30.0,
    last_seq=41,
)


def terminal(width: int = 80) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        color_system=None,
        markup=False,
        highlight=False,
        emoji=False,
    )


def drawn(what: RenderableType, width: int = 80) -> list[str]:
    console = terminal(width)
    console.print(what)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is the StringIO from above


def shown(view: View, waited: float = 0.0, width: int = 80) -> str:
    return "\n".join(drawn(picture(view, waited, width), width))


def test_all_that_matters_is_there() -> None:
    text = shown(VIEW)
    for part in (
        "▶ running", "panel B · optimization · 3f0c9e0a", "0:30", "12/20", "60 %", "3/s", "ETA 1:05",
        "generation 12", "max_temp", "41.25", "°C", "█▅▁", "min_clearance", "● live", "#41",
    ):  # fmt: skip
        assert part in text


def test_what_can_be_expected_has_a_line_of_its_own() -> None:
    assert "  2nd in the queue, starts in about 3 min\n" in shown(
        replace(VIEW, status="pending", expected="2nd in the queue, starts in about 3 min")
    )


def test_the_clock_ticks_while_nothing_is_heard() -> None:
    text = shown(VIEW, waited=10.0)
    assert "0:40" in text
    assert "ETA 0:55" in text


def test_the_clock_stands_still_when_the_task_has_ended() -> None:
    text = shown(replace(VIEW, status="completed", percent=100.0), waited=3600.0)
    assert "0:30" in text
    assert "ETA" not in text


def test_connection_and_task_are_two_indicators() -> None:
    text = shown(connected(VIEW, "reconnecting", "connection refused, next try in 2.0 s"))
    assert "▶ running" in text
    assert "↻ reconnecting connection refused, next try in 2.0 s" in text
    assert "live" not in text


def test_an_ended_task_asks_nothing_of_the_connection() -> None:
    assert "live" not in shown(replace(VIEW, status="completed"))


def test_an_unknown_total_shows_the_count_alone() -> None:
    text = shown(replace(VIEW, total=None, percent=None, eta_seconds=None))
    assert "12  3/s" in text
    assert "%" not in text


def test_attempts_are_shown_when_there_are_several() -> None:
    assert "attempt 2 of 3" in shown(replace(VIEW, attempt=2, max_attempts=3))
    assert "attempt" not in shown(replace(VIEW, attempt=1))


@pytest.mark.parametrize("width", [20, 36, 60, 100, 250])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    view = replace(VIEW, name="n" * 300, message="m" * 300, metrics={"k" * 100: 1.0, "max_temp": 41.25})
    assert width >= max(cell_len(line.rstrip()) for line in drawn(picture(view, 0.0, width), width))


def test_its_height_does_not_depend_on_the_width() -> None:
    """What does not fit is cut, not wrapped: a picture that grows pushes the log away."""
    view = connected(replace(VIEW, name="n" * 300, message="m" * 300), "reconnecting", "x" * 300)
    assert 1 == len({len(drawn(picture(view, 0.0, width), width)) for width in (36, 60, 100)})


EVIL = "[bold red]x[/] :smile: \x1b[2J\x07 \u202e"
HARMLESS = "[bold red]x[/] :smile: \\x1b[2J\\x07 \\u202e"


def test_text_of_a_task_is_never_markup_or_a_command() -> None:
    view = replace(VIEW, name=EVIL, message=f"{EVIL}!", type=EVIL, metrics={EVIL: EVIL}, status=EVIL)
    text = shown(view, width=250)
    assert 6 == text.count(HARMLESS)
    assert not set("\x07\u202e") & set(text)
    assert "\x1b[2J" not in text


@given(st.text(), st.text(), st.text())
def test_any_text_can_be_shown(name: str, message: str, metric: str) -> None:
    assert drawn(picture(replace(VIEW, name=name, message=message, metrics={metric: message}), 0.0, 60), 60)


def event(event_type: str, **data: Any) -> dict[str, Any]:
    return {"event_type": event_type, "data": data, "timestamp": "2026-01-01T12:00:00Z", "seq": 1, "task_id": "t"}


def test_log_lines_and_status_changes_stand_above() -> None:
    log = above(event("log", level="warning", message=EVIL))
    assert log is not None
    assert log.plain.endswith(f"warning {HARMLESS}")
    status = above(event("status_change", status="pending", message="worker gone", error="worker gone"))
    assert status is not None
    assert status.plain.endswith(" pending worker gone")


@pytest.mark.parametrize("event_type", ["progress", "iteration_complete", "error", "new_kind"])
def test_what_the_picture_shows_leaves_no_line(event_type: str) -> None:
    assert above(event(event_type)) is None


def test_the_live_screen_cuts_log_lines_at_the_width() -> None:
    console = terminal(30)
    with RichScreen(console) as screen:
        screen.start(VIEW)
        screen.event(VIEW, event("log", level="info", message="y" * 300))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert 1 == len([text for text in lines if "yyy" in text])
    assert 30 > max(text.count("y") for text in lines)


def test_the_live_screen_shows_every_log_line_in_order() -> None:
    """They are printed together, but neither held back while nothing else happens nor lost at the end."""
    console = terminal(60)
    with RichScreen(console) as screen:
        for number in range(200):
            screen.event(VIEW, event("log", level="info", message=f"line-{number:03}"))
        screen.idle()
        shown_before = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
        screen.event(VIEW, event("log", level="info", message="the last"))
    assert [f"line-{number:03}" for number in range(200)] == re.findall(r"line-\d+", shown_before)
    assert "the last" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
