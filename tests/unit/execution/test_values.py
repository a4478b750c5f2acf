"""Metrics and results: what becomes of numbers that JSON does not have, and of things that are no numbers."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import WorkloadError
from api.execution.values import finite_metrics, json_result


def test_metrics_keep_numbers_and_name_what_is_none() -> None:
    """NaN and infinity become null, with their names beside."""
    metrics = {"a": 1, "b": 0.5, "c": math.nan, "d": math.inf, "e": -math.inf, "f": None, "g": True}
    expected = {"a": 1, "b": 0.5, "c": None, "d": None, "e": None, "f": None, "g": 1}
    assert (expected, {"c": "nan", "d": "inf", "e": "-inf"}) == finite_metrics(metrics)


def test_numpy_scalars_become_plain_numbers() -> None:
    """Of every kind, and arrays of one element without dimensions."""
    np = pytest.importorskip("numpy")
    clean, nonfinite = finite_metrics(
        {"a": np.float32(0.5), "b": np.int64(3), "c": np.array(2.0), "d": np.float64("nan")}
    )
    assert clean == {"a": 0.5, "b": 3.0, "c": 2.0, "d": None}
    assert nonfinite == {"d": "nan"}
    json.dumps(clean)


def test_integers_beyond_doubles_are_still_numbers() -> None:
    """As near as a double comes, and infinite beyond that."""
    clean, nonfinite = finite_metrics({"big": 2**60, "huge": -(10**400), "exact": Decimal("0.5")})
    assert {"big": float(2**60), "huge": None, "exact": 0.5} == clean
    assert nonfinite == {"huge": "-inf"}


@pytest.mark.parametrize("wrong", ["0.5", b"1", [1], {}, object(), 1j])
def test_a_metric_that_is_no_number_is_told_by_its_name(wrong: object) -> None:
    """So that the author finds it."""
    with pytest.raises(WorkloadError, match=r"the metric 'loss' must be a number, not an? "):
        finite_metrics({"loss": wrong})


def test_names_of_metrics_are_text() -> None:
    """And the metrics a mapping."""
    with pytest.raises(WorkloadError, match="the name of a metric must be a string, not 1"):
        finite_metrics({1: 2.0})  # type: ignore[dict-item]  # the mistake
    with pytest.raises(WorkloadError, match="not a list"):
        finite_metrics([1.0])  # type: ignore[arg-type]  # the mistake


def test_results_of_json_values_pass_unchanged() -> None:
    """Nested ones too."""
    result = {"a": [1, {"b": None, "c": True}], "d": "text", "e": 0.5}
    assert (result, {}) == json_result(result)
    assert json_result(None) == (None, {})


def test_results_are_put_right_where_it_is_clear_what_was_meant() -> None:
    """Tuples, paths, NumPy, keys that are numbers; NaN is named by its path."""
    np = pytest.importorskip("numpy")
    result = {"p": Path("a/b"), "t": (1, 2), "n": np.float64(0.5), "m": np.ones((1, 2)), 3: {"x": [math.nan]}}
    expected = {"p": "a/b", "t": [1, 2], "n": 0.5, "m": [[1.0, 1.0]], "3": {"x": [None]}}
    assert (expected, {"3.x.0": "nan"}) == json_result(result)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ([1], "returned a list; a result is a mapping or None"),
        ({"model": object()}, "not JSON: result.model is an object"),
        ({"a": [b"x"]}, "not JSON: result.a.0 is a bytes"),
        ({"a": {(1,): 2}}, r"not JSON: result.a has the key \(1,\)"),
        ({"a": {1, 2}}, "not JSON: result.a is a set"),
    ],
)
def test_what_is_not_json_is_told_by_its_path(result: Any, words: str) -> None:
    """One sentence for the author."""
    with pytest.raises(WorkloadError, match=words):
        json_result(result)


def test_a_result_that_holds_itself_is_refused() -> None:
    """In place of a stack overflow."""
    endless: dict[str, Any] = {}
    endless["me"] = endless
    with pytest.raises(WorkloadError, match="nested deeper than 64 levels"):
        json_result(endless)


@settings(deadline=None, max_examples=50)  # a busy machine is no failure
@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=8)
    )
)
def test_every_accepted_result_is_strict_json(result: dict[str, Any]) -> None:
    """No NaN is left in it."""
    json.dumps(json_result(result)[0], allow_nan=False)
