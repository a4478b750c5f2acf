"""Cutting text so that one sees it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from api.execution.limits import cut, cut_middle, json_size

TEXT = st.text(max_size=300).map(lambda text: text * 5)


def test_what_fits_is_left_alone() -> None:
    """To the last byte."""
    assert cut("x" * 100, 100) == "x" * 100
    assert cut_middle("x" * 100, 100) == "x" * 100


def test_a_cut_is_visible() -> None:
    """With the number of characters that are missing."""
    assert cut("x" * 1000, 200) == "x" * 136 + " … [864 characters cut]"


def test_of_a_traceback_the_end_is_kept() -> None:
    """The last line says what happened."""
    text = "first line\n" + "middle\n" * 1000 + "ValueError: the reason"
    shown = cut_middle(text, 600)
    assert shown.startswith("first line")
    assert "characters cut]" in shown
    assert shown.endswith("ValueError: the reason")


@settings(deadline=None)  # a busy machine is no failure
@given(TEXT, st.integers(200, 600))
def test_a_cut_text_fits_as_json(text: str, limit: int) -> None:
    """Whatever the characters cost there."""
    assert json_size(cut(text, limit)) <= limit
    assert json_size(cut_middle(text, limit)) <= limit
