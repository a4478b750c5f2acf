"""References to results, and cycles."""

from __future__ import annotations

import graphlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.dependency import MARK, REFERENCES_MAX, cycle, redirected, references, refers, resolved
from api.errors import InvalidInput

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != MARK), inner),
)
PARAMS = st.dictionaries(st.text().filter(lambda key: key != MARK), JSON)


@settings(deadline=None)  # a busy machine is no failure
@given(PARAMS, st.lists(JSON, max_size=4), JSON)
def test_every_reference_gets_its_own_value_and_the_rest_stays(params, results, other):
    marks = [{MARK: f"task-{number}", "path": ["x"]} for number in range(len(results))]
    whole = {**params, "here": marks, "there": {"deep": [*reversed(marks), other]}}
    assert refers(whole) is bool(marks)
    filled = resolved(whole, {f"task-{number}": {"x": value} for number, value in enumerate(results)})
    assert {**params, "here": results, "there": {"deep": [*reversed(results), other]}} == filled


def test_a_value_that_looks_like_a_reference_is_not_followed():
    tricky = {"x": {MARK: "other"}}
    assert {"a": {MARK: "other"}} == resolved({"a": {MARK: "t", "path": "x"}}, {"t": tricky})


def test_a_reference_is_redirected_and_the_others_are_not():
    params = {"a": {MARK: "old", "path": "x"}, "b": [{MARK: "other"}]}
    assert {"a": {MARK: "new", "path": "x"}, "b": [{MARK: "other"}]} == redirected(params, "old", "new")


@pytest.mark.parametrize("path", ["a.b", ["a", "b"], "l.1", ["l", 1], ["dotted.key"], "", []])
def test_a_path_leads_into_the_result(path):
    result = {"a": {"b": "!"}, "l": [0, "!"], "dotted.key": "!"}
    expected = "!" if path else result
    assert {"p": expected} == resolved({"p": {MARK: "t", "path": path}}, {"t": result})


@pytest.mark.parametrize("path", ["b", "a.b.c", "l.2", "l.-1", "l.²", "l." + "9" * 5000, "a.", "."])
def test_a_path_that_leads_nowhere_is_named(path):
    with pytest.raises(InvalidInput, match="has no"):
        resolved({"p": {MARK: "t", "path": path}}, {"t": {"a": {"b": "!"}, "l": [0, 1]}})


def test_every_missing_value_is_told_at_once():
    with pytest.raises(InvalidInput) as caught:
        resolved({"p": {MARK: "gone"}, "q": {MARK: "none", "path": "x"}}, {"none": None})
    assert [("params", "p"), ("params", "q")] == [flaw.loc for flaw in caught.value.flaws]


def test_the_number_of_references_has_a_bound():
    with pytest.raises(InvalidInput, match="more than"):
        references({"p": [{MARK: "t"}] * (REFERENCES_MAX + 1)})


@settings(deadline=None)  # a busy machine is no failure
@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(st.integers(0, n - 1)), min_size=n, max_size=n)))
def test_a_cycle_is_found_when_there_is_one_and_is_one(parents):
    found = cycle(parents)
    try:
        graphlib.TopologicalSorter(dict(enumerate(parents))).prepare()
        assert [] == found
    except graphlib.CycleError:
        assert found
        assert all(after in parents[before] for before, after in zip(found, [*found[1:], found[0]], strict=True))


def test_a_long_chain_is_looked_through_without_recursion():
    assert [] == cycle([[number - 1] if number else [] for number in range(100_000)])
    assert 100_000 == len(cycle([[(number + 1) % 100_000] for number in range(100_000)]))
