"""Words on the terminal: what is shown of a text, a number, a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.clean import clean
from api.cli.words import clock, duration, instant, number, sparkline


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcode ✓", "plain text, ünïcode ✓"),
        ("[red]markup[/red] :smile:", "[red]markup[/red] :smile:"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("a\tb", "a   b"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("half \ud800 pair", "half \\ud800 pair"),
        ("line\u2028break", "line\\u2028break"),
        (None, "None"),
    ],
)
def test_text_is_shown_and_never_obeyed(text: object, shown: str) -> None:
    assert shown == clean(text)


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    shown = clean(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (41.23456789, "41.235"),
        (0.00001234, "1.234e-05"),
        (1234567, "1,234,567"),
        (0.0, "0"),
        (None, "-"),
        ("nan", "nan"),
    ],
)
def test_numbers_have_five_digits(value: object, shown: str) -> None:
    assert shown == number(value)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03"), (360000, "100:00:00"), (-1, "0:00")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert shown == duration(seconds)


def test_a_time_that_is_none_is_told_as_such() -> None:
    assert ("--:--:--", None) == (clock("yesterday"), instant(None))


def test_a_sparkline_spans_least_to_greatest() -> None:
    assert "▁▃▅█" == sparkline([1, 2, 3, 4.5], 10)


def test_a_sparkline_keeps_the_latest_values() -> None:
    assert "▁█" == sparkline([9, 9, 9, 1, 2], 2)


def test_a_constant_is_a_flat_line() -> None:
    assert "▁▁▁" == sparkline([5, 5, 5], 10)


@pytest.mark.parametrize(("values", "width"), [([], 10), ([1.0], 10), ([1.0, 2.0], 0), ([1.0, 2.0], -5)])
def test_without_a_course_there_is_no_sparkline(values: list[float], width: int) -> None:
    assert "" == sparkline(values, width)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2), st.integers(2, 60))
def test_a_sparkline_takes_any_numbers(values: list[float], width: int) -> None:
    assert min(width, len(values)) == len(sparkline(values, width))


def test_a_sparkline_spans_the_greatest_numbers_there_are() -> None:
    assert "▁█" == sparkline([-1.7e308, 1.7e308], 10)
