"""How long a reporter may be silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.domain.silence import heard, patience, span, usual_silence
from api.domain.task import Task

START = datetime(2026, 1, 1, tzinfo=UTC)


def reporter(*gaps):
    task = Task("t", "external", "local", START, heard_at=START)
    for gap in gaps:
        task = heard(task, task.heard_at + timedelta(seconds=gap))
    return task


def test_one_that_reports_every_ten_minutes_is_given_half_an_hour():
    assert 1800 == patience(reporter(600, 600, 600), 60)


def test_one_that_reports_all_the_time_is_given_the_floor():
    assert 60 == patience(reporter(*[0.1] * 100), 60)


def test_a_burst_of_reports_does_not_make_it_less_patient():
    assert patience(reporter(600, *[0.01] * 1000), 60) > 1700


def test_a_single_long_silence_is_forgotten_after_a_while():
    assert patience(reporter(600, *[5.0] * 12_000), 60) < 120


def test_a_sign_of_life_ends_a_stall_and_means_nothing_where_none_is_expected():
    assert heard(Task("t", "external", "local", START, heard_at=START, stalled=True), START).stalled is False
    ours = Task("t", "x", "local", START, stalled=True)
    assert ours is heard(ours, START)


@given(st.lists(st.floats(0, 1e7), max_size=50))
def test_it_is_never_longer_than_the_longest_nor_shorter_than_the_last_silence(gaps):
    usual = 0.0
    for gap in gaps:
        usual = usual_silence(usual, gap)
        assert gap <= usual <= max(gaps)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(61.6, "62 s"), (300, "5 min"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_a_span_is_told_in_two_units_at_most(seconds, words):
    assert words == span(seconds)
