"""The tables of the fan-out's benchmark."""

from __future__ import annotations

import pytest

from benchmarks.fanout.picture import draw
from benchmarks.fanout.plan import QUICK, Plan, Setting
from benchmarks.fanout.report import markdown, number, summed


def sides(ours, node):
    return {
        "fanout": {"label": "ours", "figures": summed(ours)},
        "node": {"label": "Node", "figures": summed(node)},
    }


def test_a_figure_is_the_median_of_its_runs_with_their_spread():
    figures = summed([{"memory": 3.0}, {"memory": 1.0}, {"memory": 2.0, "connect/100": 1.0}])
    assert {"median": 2.0, "min": 1.0, "max": 3.0, "runs": [3.0, 1.0, 2.0]} == figures["memory"]
    assert [1.0] == figures["connect/100"]["runs"]


def test_ratios_are_those_of_the_medians_to_node():
    table = markdown(sides([{"steady/500/cpu": 2.0}, {"steady/500/cpu": 4.0}], [{"steady/500/cpu": 6.0}]), [500], {})
    assert "| 500, steady (≤ 0.6 × Node) | 3.00 (2.00 to 4.00) **×0.500** | 6.00 |" in table


def test_what_a_side_lacks_is_a_dash_and_has_no_ratio():
    table = markdown(sides([{"memory": 15.0}], [{}]), [500], {})
    assert "| memory of an idle one, KiB (≤ 15 KiB) | 15.0 | – |" in table


def test_who_could_not_be_measured_is_said():
    assert "Not measured: Node: node is not installed" in markdown(sides([], []), [], {"Node": "node is not installed"})


@pytest.mark.parametrize(
    ("value", "words"), [(0.1234, "0.123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits_that_count(value, words):
    assert words == number(value)


@pytest.mark.parametrize("size", Plan().sizes)
@pytest.mark.parametrize("plan", [Plan(), QUICK])
def test_a_subscriber_never_has_more_before_it_than_its_socket_holds(plan, size):
    unread = [setting.window(size) * setting.per_turn for setting in plan.settings(size)]
    assert max(unread) <= 80


def test_the_credit_is_always_more_than_what_is_under_way():
    assert all(Setting(events).window(5000) >= 2 for events in (1, 2, 5, 20))


def test_the_picture_needs_no_side_to_be_whole(tmp_path):
    draw(sides([{"steady/500/cpu": 2.0}], [{"steady/500/cpu": 6.0, "burst-20/500/cpu": 4.0}]), 500, tmp_path / "it.svg")
    assert "<svg" in (tmp_path / "it.svg").read_text()
