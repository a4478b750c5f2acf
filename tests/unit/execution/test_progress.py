"""Coalescing, percent and the time left, with a clock of the test's own."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import WorkloadError
from api.execution.progress import Coalescer, Eta, Percent, Point, point, progress_data


def test_the_first_point_goes_at_once_and_the_next_ones_wait() -> None:
    """Then the latest of those that waited wins."""
    coalescer = Coalescer(0.05)
    assert Point(1) == coalescer.offer(Point(1), 10.0)
    assert coalescer.offer(Point(2), 10.01) is None
    assert coalescer.offer(Point(3), 10.02) is None
    assert pytest.approx(coalescer.due) == 10.05
    assert Point(4) == coalescer.offer(Point(4), 10.05)
    assert coalescer.due is None


def test_a_waiting_point_can_be_taken_before_its_time() -> None:
    """Before an event, so that the order holds; the interval starts anew."""
    coalescer = Coalescer(0.05)
    coalescer.offer(Point(1), 10.0)
    coalescer.offer(Point(2), 10.01)
    assert Point(2) == coalescer.take(10.02)
    assert coalescer.take(10.02) is None
    assert coalescer.offer(Point(3), 10.06) is None


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.floats(0, 0.2), min_size=1))
def test_no_two_points_are_closer_than_the_interval_and_the_last_is_never_lost(gaps: list[float]) -> None:
    """For any course of reports."""
    coalescer, now, sent = Coalescer(0.05), 0.0, []
    for number, gap in enumerate(gaps):
        now += gap
        if (ready := coalescer.offer(Point(number), now)) is not None:
            sent.append((now, ready))
    if (due := coalescer.due) is not None:
        last = coalescer.take(due)
        assert last is not None
        sent.append((due, last))
    times = [at for at, _ in sent]
    assert all(later - earlier >= 0.05 - 1e-9 for earlier, later in pairwise(times))
    assert len(gaps) - 1 == sent[-1][1].current


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ((3, 10, "x"), Point(3, 10, "x")),
        ((-2, 10, None), Point(0, 10)),
        ((3, 0, None), Point(3, None)),
        ((3, -5, None), Point(3, None)),
        ((2.5, 10.0, 7), Point(2.5, 10.0, "7")),
    ],
)
def test_points_are_put_right_where_it_is_clear_what_was_meant(given_: tuple[Any, ...], expected: Point) -> None:
    """Below 0 is 0, a total of nothing is no total."""
    assert expected == point(*given_)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, "3", None, [], 10**400, object()])
def test_what_is_no_number_is_told_to_the_author(wrong: object) -> None:
    """As current and, except None, as total."""
    with pytest.raises(WorkloadError, match=r"ctx\.progress: current must be a number"):
        point(wrong, None, None)
    if wrong is not None:
        with pytest.raises(WorkloadError, match=r"ctx\.progress: total must be a number"):
            point(1, wrong, None)


def test_numpy_scalars_are_numbers() -> None:
    """They come out of every loop over an array."""
    numpy = pytest.importorskip("numpy")
    assert Point(3.0, 5.0) == point(numpy.int64(3), numpy.float32(5), None)


def test_percent_is_clamped_and_keeps_what_it_knew() -> None:
    """Beyond the total is 100; without a total nothing new is known."""
    percent = Percent()
    assert percent.update(Point(5)) == 0.0
    assert percent.update(Point(1, 3)) == 33.33
    assert percent.update(Point(2)) == 33.33
    assert percent.update(Point(7, 3)) == 100.0


def test_the_time_left_follows_a_steady_rate() -> None:
    """One step each 2 s, 10 steps: 18 s after the first."""
    eta = Eta(started=100.0)
    assert eta.update(Point(1, 10), 102.0) == 18.0
    assert eta.update(Point(2, 10), 104.0) == 16.0
    assert eta.update(Point(10, 10), 120.0) == 0.0


def test_a_start_from_a_checkpoint_does_not_count_as_speed() -> None:
    """57 steps were not done in the first second."""
    eta = Eta(started=0.0)
    assert eta.update(Point(57, 100), 1.0) is None
    assert eta.update(Point(58, 100), 2.0) == 42.0


def test_a_pause_does_not_count_in_the_rate() -> None:
    """After an hour's pause the estimate is as before."""
    eta = Eta(started=0.0)
    eta.update(Point(1, 10), 1.0)
    eta.skip(3600)
    assert eta.update(Point(2, 10), 3602.0) == 8.0


def test_the_recent_past_counts_most() -> None:
    """A hundred slow steps are forgotten after a few minutes of fast ones."""
    eta, now = Eta(started=0.0), 0.0
    for step in range(1, 101):
        now += 10
        eta.update(Point(step, 10_000), now)
    for step in range(101, 2101):
        now += 0.1
        left = eta.update(Point(step, 10_000), now)
    assert left == pytest.approx((10_000 - 2100) * 0.1, rel=0.1)


def test_counting_from_the_start_again_forgets_the_rate() -> None:
    """A second phase has its own speed."""
    eta = Eta(started=0.0)
    eta.update(Point(10, 10), 10.0)
    assert eta.update(Point(0, 10), 11.0) is None
    assert eta.update(Point(2, 10), 13.0) == 8.0


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(0, 1e4))))
def test_progress_data_never_holds_what_json_cannot(course: list[tuple[float, float, float]]) -> None:
    """Percent within 0 to 100, no NaN, no negative time, for any course."""
    eta, percent, now = Eta(0.0), Percent(), 0.0
    for current, total, gap in course:
        now += gap
        where = point(current, total, None)
        data = progress_data(where, percent.update(where), eta.update(where, now))
        assert 0 <= data["progress_percent"] <= 100
        assert 0 <= data.get("eta_seconds", 0) < math.inf
        assert data["max_iterations"] is None or data["max_iterations"] >= 1
