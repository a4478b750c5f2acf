"""Plain lines: one per event, the same words each time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.cli.plain import JsonScreen, PlainScreen, line
from api.cli.view import View, connected

Json = dict[str, Any]
AT = "2026-11-22T22:45:36.581694Z"


def event(event_type: str, data: Json, seq: int | None = 7) -> Json:
    envelope = {"task_id": "t", "event_type": event_type, "data": data, "timestamp": AT}
    return envelope if seq is None else {**envelope, "seq": seq}


@pytest.mark.parametrize(
    ("event_type", "data", "text"),
    [
        ("status_change", {"status": "running", "message": "attempt 1 started"}, "running attempt 1 started"),
        ("status_change", {"status": "completed", "message": "completed"}, "completed"),
        ("status_change", {"status": "pending", "message": "", "error": "worker gone"}, "pending worker gone"),
        (
            "progress",
            {
                "current_iteration": 3,
                "max_iterations": 20,
                "progress_percent": 15,
                "eta_seconds": 65,
                "message": "gen 3",
            },
            "3/20 15.0% eta=1:05 gen 3",
        ),
        ("progress", {"current_iteration": 3, "max_iterations": None, "progress_percent": None}, "3/?"),
        (
            "iteration_complete",
            {"iteration": 2, "metrics": {"max_temp": 41.23456, "n": 3}},
            "iteration=2 max_temp=41.235 n=3",
        ),
        (
            "iteration_complete",
            {"iteration": 2, "metrics": {"loss": None}, "nonfinite": {"loss": "-inf"}},
            "iteration=2 loss=-inf",
        ),
        ("log", {"level": "warning", "message": "hot"}, "warning: hot"),
        ("error", {"status": "failed", "error": "no such part"}, "no such part"),
        ("new_kind", {"x": 1}, '{"x": 1}'),
    ],
)
def test_each_type_has_its_line(event_type: str, data: Json, text: str) -> None:
    assert f"{AT} #7 {event_type} {text}" == line(event(event_type, data))


def test_an_event_without_a_number_has_a_dash() -> None:
    assert f"{AT} #- log info: x" == line(event("log", {"level": "info", "message": "x"}, None))


def test_a_line_stays_one_line_and_obeys_nothing() -> None:
    text = line(event("log", {"level": "info", "message": "a\nb\x1b[2J[bold]c"}))
    assert f"{AT} #7 log info: a\\nb\\x1b[2J[bold]c" == text


def test_events_go_to_stdout_and_words_about_the_connection_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    view = View("t")
    with PlainScreen() as screen:
        screen.start(view)
        screen.event(view, event("log", {"level": "info", "message": "x"}))
        screen.state(connected(view, "reconnecting", "connection refused"))
        screen.note("3 progress events skipped")
    out, err = capsys.readouterr()
    assert f"{AT} #7 log info: x\n" == out
    assert "# connection reconnecting connection refused\n# 3 progress events skipped\n" == err


def test_json_is_one_envelope_per_line_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    envelopes = [event("log", {"level": "info", "message": "a\nb ü"}, seq) for seq in (1, 2)]
    with JsonScreen() as screen:
        for envelope in envelopes:
            screen.event(View("t"), envelope)
    assert envelopes == [json.loads(text) for text in capsys.readouterr().out.splitlines()]
