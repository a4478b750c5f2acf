"""Lines for people out of the bytes that programs print."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.execution import limits
from api.execution.text import OutputLines, clean_line, clean_lines


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("plain\ttext", "plain\ttext"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bx\x1b=y", "xy"),
        ("a\x00b\x07c\x9bd", "abcd"),
        (" 10%\r 20%\r 30%", " 30%"),
        ("windows\r", "windows"),
        ("done\r\x1b[K", "done"),
        ("\ud800", ""),
        ("trailing   ", "trailing"),
    ],
)
def test_a_line_is_shown_as_a_screen_would_show_it(printed: str, shown: str) -> None:
    """Without colours and titles, and with the last of its rewrites."""
    assert shown == clean_line(printed)


def test_lines_without_text_are_left_out() -> None:
    """Each of the others is one."""
    assert clean_lines("a\n\n  \nb\r\n") == ["a", "b"]


def test_a_progress_bar_is_one_line() -> None:
    """However often it was rewritten, and however it was cut on its way."""
    lines = OutputLines()
    heard = [line for percent in range(0, 101, 5) for line in lines.feed(f"\r{percent}%|####".encode())]
    assert heard == []
    assert lines.feed(b"\n") == ["100%|####"]


def test_a_line_is_held_until_it_ends() -> None:
    """And the last one needs no end."""
    lines = OutputLines()
    assert lines.feed(b"half ") == []
    assert lines.feed(b"a line\nb\nrest") == ["half a line", "b"]
    assert lines.close() == ["rest"]
    assert lines.close() == []


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    """One mark for each, and a character cut by a chunk's end is whole."""
    lines = OutputLines()
    assert lines.feed(b"\xff\xfex\n") == ["\ufffd\ufffdx"]
    assert lines.feed("ü".encode()[:1]) == []
    assert lines.feed("ü".encode()[1:] + b"\n") == ["ü"]


def test_an_endless_line_takes_bounded_memory_and_says_what_is_missing() -> None:
    """A megabyte of the same line: its beginning is kept."""
    lines = OutputLines(limit=1000)
    for _ in range(1000):
        assert lines.feed(b"x" * 1000) == []
    assert len(lines._line) == 1000
    [line] = lines.feed(b"\nnext")
    assert line == "x" * 1000 + " … [999,000 bytes cut]"
    assert lines.close() == ["next"]


def test_a_rewrite_makes_room_again() -> None:
    """What was cut is forgotten with the text that it belonged to."""
    lines = OutputLines(limit=10)
    lines.feed(b"x" * 100)
    assert lines.feed(b"\rshort\n") == ["short"]


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.binary(max_size=40)))
def test_what_comes_out_is_fit_for_an_event(chunks: list[bytes]) -> None:
    """No control characters, no line ends, within the limit, for any bytes."""
    lines = OutputLines(limit=30)
    shown = [line for chunk in chunks for line in lines.feed(chunk)] + lines.close()
    for line in shown:
        assert not {"\n", "\r", "\x1b"} & set(line)
        assert limits.json_size(line) <= limits.LOG_LINE
        json.dumps(line).encode()
