"""When a rule fires: by the events of one task, one after the other."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.event import Event, EventType
from api.domain.event_data import draft
from api.domain.lifecycle import Status
from api.domain.rule import FIRINGS_MAX, Condition, Kind, Mark, Mode, Op, Rule
from api.domain.rule_check import REASON_MAX, looked

START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = math.nan


def a_rule(condition, **changes):
    return Rule("r", "ann", START, START, condition, **changes)


def history(*said, every=1.0):
    """Events as a task's reports become them: (type, data), one every so many seconds."""
    drafts = [draft(type_, data, attempt=1) for type_, data in said]
    return [
        Event("t", seq, each.type, each.data, START + timedelta(seconds=seq * every))
        for seq, each in enumerate(drafts, 1)
    ]


def iterations(*values, name="loss", **more):
    """Reports of one metric; those that are None report another one."""
    return [
        ("iteration_complete", {"iteration": n, "metrics": {"other": 0.0} if value is None else {name: value}, **more})
        for n, value in enumerate(values, 1)
    ]


def fired(rule, events):
    """The seq and the sentence of each time."""
    return [(each.seq, each.reason) for each, _ in looked(rule, Mark("r", "t"), events)[1]]


def seqs(condition, *values, **changes):
    return [seq for seq, _ in fired(a_rule(condition, **changes), history(*iterations(*values)))]


STATUSES = [
    ("status_change", {"status": "pending", "message": "waiting"}),
    ("status_change", {"status": "running"}),
    ("log", {"message": "failed"}),
]
FAILED = ("error", {"error": "out of memory\nin line 7"})
COMPLETED = ("status_change", {"status": "completed"})
CANCELLED = ("status_change", {"status": "cancelled"})
TRIED_AGAIN = ("status_change", {"status": "pending", "error": "boom", "retry_at": "2026-01-01T00:00:00Z"})


@pytest.mark.parametrize(
    ("condition", "end", "reasons"),
    [
        (Condition(Kind.FAILED), FAILED, ["failed: out of memory"]),
        (Condition(Kind.FAILED), TRIED_AGAIN, []),
        (Condition(Kind.FAILED), COMPLETED, []),
        (Condition(Kind.FAILED), CANCELLED, []),
        (Condition(Kind.ENDED), FAILED, ["failed: out of memory"]),
        (Condition(Kind.ENDED), COMPLETED, ["completed"]),
        (Condition(Kind.ENDED), CANCELLED, ["was cancelled"]),
        (Condition(Kind.ENDED), TRIED_AGAIN, []),
        (Condition(Kind.ENDED, statuses=(Status.CANCELLED,)), CANCELLED, ["was cancelled"]),
        (Condition(Kind.ENDED, statuses=(Status.CANCELLED, Status.FAILED)), COMPLETED, []),
    ],
)
def test_the_end_of_a_task_fires_once_and_only_where_it_counts(condition, end, reasons):
    events = history(*STATUSES, end)
    assert [(4, reason) for reason in reasons] == fired(a_rule(condition), events)


def test_each_stall_fires_and_not_each_word_about_it():
    stalled = ("status_change", {"status": "running", "message": "stalled: silent", "stalled": True})
    heard = ("status_change", {"status": "running", "stalled": False})
    pausing = ("status_change", {"status": "running", "message": "pausing"})
    events = history(
        *STATUSES, stalled, pausing, stalled, heard, stalled, ("status_change", {"status": "paused"}), stalled
    )
    assert [(4, "stalled: silent"), (8, "stalled: silent"), (10, "stalled: silent")] == fired(
        a_rule(Condition(Kind.STALLED)), events
    )


ABOVE = Condition(Kind.METRIC, metric="loss", op=Op.ABOVE, bound=1.0)
BELOW = Condition(Kind.METRIC, metric="loss", op=Op.BELOW, bound=1.0)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (ABOVE, [2], [1]),
        (ABOVE, [1, 1, 1.5, 2, 3], [3]),
        (ABOVE, [2, 2, 0.5, 2, None, 2], [1, 4]),
        (ABOVE, [0, NAN, None, 0], []),
        (ABOVE, [2, NAN, 2], [1]),
        (ABOVE, [0, math.inf, 2, -math.inf, 2], [2, 5]),
        (BELOW, [2, 1, 0.9, 0.5, 1, 0], [3, 6]),
        (BELOW, [-math.inf], [1]),
    ],
)
def test_a_metric_fires_when_it_passes_its_bound_and_again_once_it_was_back(condition, values, expected):
    assert expected == seqs(condition, *values)


def test_the_sentence_names_value_and_bound():
    assert [(1, "loss is 0.25, below 1")] == fired(a_rule(BELOW), history(*iterations(0.25)))


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("loss", [1, NAN, NAN, math.inf, 1, NAN], [2, 6]),
        ("loss", [NAN, None, NAN, 1], [1]),
        ("other", [NAN, NAN], []),
        (None, [1, NAN, None, -math.inf], [2, 4]),
    ],
)
def test_a_metric_that_is_no_number_fires(metric, values, expected):
    assert expected == seqs(Condition(Kind.NONFINITE, metric=metric), *values)


def test_all_metrics_that_are_no_numbers_are_named():
    events = history(("iteration_complete", {"metrics": {"b": NAN, "a": -math.inf, "c": 1}}))
    assert [(1, "a is -inf, b is nan")] == fired(a_rule(Condition(Kind.NONFINITE)), events)


def plateau(window, **changes):
    return Condition(Kind.PLATEAU, metric="loss", window=window, **changes)


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        (plateau(3), [5, 4, 3, 2, 1], []),
        (plateau(3), [5, 4, 4, 4, 4, 4], [5]),
        (plateau(3), [5, 6, 7, 4, 5, None, 5, 5, 3, 3, 3, 3], [8, 12]),
        (plateau(2, min_delta=0.5), [5, 4.6, 4.6, 4.4, 4.2, 4.0], [3, 6]),
        (plateau(2, mode=Mode.MAX), [1, 2, 2, 1], [4]),
        (plateau(2), [5, NAN, NAN], [3]),
        (plateau(2), [NAN, NAN], [2]),
        (plateau(1), [1, 1], [2]),
    ],
)
def test_a_plateau_is_so_many_reports_without_a_better_one(condition, values, expected):
    assert expected == seqs(condition, *values)


def test_the_sentence_of_a_plateau_names_the_best():
    events = history(*iterations(5, 3, 4, 3))
    assert [(4, "loss has not improved for 2 reports (best: 3)")] == fired(a_rule(plateau(2)), events)


def test_another_attempt_starts_a_plateau_anew_and_a_repeated_report_is_not_counted_again():
    assert [] == fired(a_rule(plateau(2)), history(*iterations(1, 9, attempt=1), *iterations(8, 9, attempt=2)))
    assert [] == fired(a_rule(plateau(3)), history(*iterations(1, 9, 9), *iterations(1, 9, 9)))
    unnumbered = [("iteration_complete", {"metrics": {"loss": 1}})] * 3
    assert [3] == [seq for seq, _ in fired(a_rule(plateau(2)), history(*unnumbered))]


def test_within_the_cooldown_it_is_silent_and_afterwards_fires_for_what_is_still_true():
    rule = a_rule(ABOVE, cooldown_seconds=60)
    events = history(*iterations(2, 0, 2, 2, 2, 2, 0, 2), every=20)
    assert [1, 4, 8] == [seq for seq, _ in fired(rule, events)]


def test_a_clock_that_was_set_back_does_not_prolong_the_cooldown():
    rule = a_rule(ABOVE, cooldown_seconds=60)
    first, between, late = history(*iterations(2, 0, 2))
    late = Event("t", 3, late.type, late.data, START - timedelta(hours=1))
    assert [1, 3] == [seq for seq, _ in fired(rule, [first, between, late])]


def test_a_metric_that_flutters_does_not_fire_for_ever():
    assert FIRINGS_MAX == len(seqs(ABOVE, *[0, 2] * (FIRINGS_MAX + 5)))


def test_a_long_sentence_is_cut():
    ((_, reason),) = fired(a_rule(Condition(Kind.FAILED)), history(*STATUSES, ("error", {"error": "x" * 9999})))
    assert REASON_MAX == len(reason)


@pytest.mark.parametrize("junk", ["x", [1], {"a": 1}, None, True])
def test_whatever_a_reporter_puts_beside_its_metrics_breaks_nothing(junk):
    said = ("iteration_complete", {"metrics": {"loss": NAN}, "nonfinite": {"loss": junk}, "attempt": junk})
    events = history(said, ("status_change", {"status": "running", "stalled": junk, "message": junk}))
    for condition in (ABOVE, plateau(1), Condition(Kind.NONFINITE), Condition(Kind.STALLED)):
        looked(a_rule(condition), Mark("r", "t"), events)


NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.0, NAN, math.inf, -math.inf, None])
CONDITIONS = st.sampled_from([ABOVE, BELOW, Condition(Kind.NONFINITE), plateau(2), plateau(3, min_delta=1.0)])


@given(CONDITIONS, st.lists(NUMBERS, max_size=30), st.integers(0, 30), st.sampled_from([0.0, 3.0]))
def test_where_it_stops_and_goes_on_changes_nothing(condition, values, cut, cooldown):
    """A crash after any event: what was looked at may be looked at again, and the rest comes later."""
    rule, events = a_rule(condition, cooldown_seconds=cooldown), history(*iterations(*values))
    whole, expected = looked(rule, Mark("r", "t"), events)
    mark, before = looked(rule, Mark("r", "t"), events[:cut])
    again, after = looked(rule, mark, events)
    assert (whole, expected) == (again, before + after)


@given(st.lists(st.sampled_from([0.0, 2.0, NAN]), max_size=40))
def test_between_two_firings_the_metric_was_back(values):
    for first, second in zip(*(lambda found: (found, found[1:]))(seqs(ABOVE, *values)), strict=False):
        assert 0.0 in values[first : second - 1]


def test_only_the_events_that_can_say_anything_are_asked_for():
    assert {EventType.ERROR} == Condition(Kind.FAILED).event_types
    assert {EventType.ITERATION_COMPLETE} == ABOVE.event_types
