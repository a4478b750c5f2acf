"""The data of events: completed, bounded, and never anything that a JSON parser refuses."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.event_data import MAX_DATA_BYTES, draft
from api.errors import InvalidInput


def data_of(event_type, data):
    return draft(event_type, data, attempt=3).data


def test_progress_is_completed_with_percent_and_attempt():
    assert data_of("progress", {"current_iteration": 5, "max_iterations": 20}) == {
        "current_iteration": 5,
        "max_iterations": 20,
        "progress_percent": 25.0,
        "attempt": 3,
    }


def test_progress_without_a_total_has_no_percent_but_zero():
    assert data_of("progress", {"current_iteration": 5})["progress_percent"] == 0.0
    assert data_of("progress", {"current_iteration": 5})["max_iterations"] is None


@pytest.mark.parametrize(("given_percent", "kept"), [(-3, 0.0), (250, 100.0), (33.333333, 33.3333)])
def test_progress_stays_within_0_and_100(given_percent, kept):
    assert data_of("progress", {"progress_percent": given_percent})["progress_percent"] == kept


def test_nonfinite_metrics_are_null_with_their_names_beside():
    data = data_of("iteration_complete", {"iteration": 1, "metrics": {"a": math.nan, "b": -math.inf, "c": 2}})
    assert data["metrics"] == {"a": None, "b": None, "c": 2.0}
    assert data["nonfinite"] == {"a": "nan", "b": "-inf"}


def test_what_a_worker_has_already_marked_as_nonfinite_stays_marked():
    data = data_of("iteration_complete", {"iteration": 1, "metrics": {"a": None}, "nonfinite": {"a": "inf"}})
    assert data["metrics"] == {"a": None}
    assert data["nonfinite"] == {"a": "inf"}


def test_an_error_carries_the_status_failed():
    assert data_of("error", {"error": "no disk"}) == {"error": "no disk", "status": "failed"}


@pytest.mark.parametrize(
    ("event_type", "data", "named"),
    [
        ("explosion", {}, "event_type"),
        ("status_change", {}, "status"),
        ("status_change", {"status": "failed"}, "error"),
        ("progress", {"current_iteration": "5"}, "current_iteration"),
        ("progress", {"current_iteration": -1}, "current_iteration"),
        ("progress", {"current_iteration": True}, "current_iteration"),
        ("progress", {"progress_percent": math.nan}, "progress_percent"),
        ("iteration_complete", {"iteration": 1, "metrics": {"loss": "low"}}, "loss"),
        ("iteration_complete", {"iteration": 1, "metrics": [1]}, "metrics"),
        ("log", {"message": "x", "extra": {"a": math.inf}}, "data"),
        ("log", {"message": "x", "extra": "y" * MAX_DATA_BYTES}, "data"),
        ("status_change", {"status": "completed", "result": [1, 2]}, "result"),
    ],
)
def test_wrong_data_is_refused_and_named(event_type, data, named):
    with pytest.raises(InvalidInput, match=named):
        draft(event_type, data, attempt=1)


def _long(piece: str) -> str:
    return piece * (MAX_DATA_BYTES // len(piece) + 1)


@given(st.text(min_size=1, max_size=20).map(_long), st.sampled_from(["log", "error"]))
def test_a_long_text_is_cut_visibly_and_fits(text, event_type):
    field = {"log": "message", "error": "error"}[event_type]
    data = data_of(event_type, {field: text})
    size = len(json.dumps(data))
    assert size <= MAX_DATA_BYTES
    assert data[field].endswith("[cut: longer than an event may be]")


def test_a_long_traceback_is_cut_before_the_reason():
    data = data_of("error", {"error": "it broke", "traceback": "line\n" * 100_000})
    assert data["error"] == "it broke"
    assert data["traceback"].endswith("[cut: longer than an event may be]")


def test_halves_of_characters_are_escaped_visibly_and_whole_ones_stay():
    data = data_of("error", {"error": "a \ud800 🔋", "details": {"\udfff": ["\ud83d", "🛰"]}})
    assert ("a \\ud800 🔋", {"\\udfff": ["\\ud83d", "🛰"]}) == (data["error"], data["details"])
