"""What programs print about themselves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.execution.progress import point
from api.workloads.command.output import MAX_LINE, Output
from api.workloads.command.progress import Finder, Found, Metrics


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (" 42%|████▏     | 42/100 [00:01<00:02, 30.12it/s]", Found(42, 100)),
        ("train:   7%|▋         | 7/99 [00:01<?, ?it/s]", Found(7, 99, "train")),
        ("  0%|          | 0/10 [00:00<?, ?it/s]", Found(0, 10)),
        (" 35%|███▌      | 1.20M/3.40M [00:01<00:02, 1.1MB/s]", Found(1.2e6, 3.4e6)),
        ("100%|##########| 50/50 [00:00<00:00, 812.11it/s, loss=0.5]", Found(50, 50)),
        ("Downloading 42%", Found(42, 100)),
        ("42.5 % done", Found(42.5, 100)),
        ("[12/100] Compiling x.c", Found(12, 100)),
        ("epoch 3/10", Found(3, 10)),
        ("step 3 of 10", Found(3, 10)),
        ("1,234,567  50%  1.2MB/s  0:00:05 (xfr#5, to-chk=3/9)", Found(50, 100)),
        ("#####     50.0%", Found(50, 100)),
        ("25% (1/4)", Found(1, 4)),
        ("50% of 3/4 samples", Found(50, 100)),
        ("on 12/11/2026 at 10:00", None),
        ("GET /api/1/2 HTTP/1.1", None),
        ("a/3/4", None),
        ("24/7 support", None),
        ("1/1", None),
        ("version 1.2/3.4", None),
        ("150%", None),
        ("nothing to see", None),
        ("x1/2", None),
    ],
)
def test_progress_is_found_where_there_is_some_and_nowhere_else(line, found):
    assert found == Finder().find(line)


def test_the_operators_expressions_come_first_and_may_be_all():
    finder = Finder([r"frame (?P<current>\d+)(?: of (?P<total>\d+))?", r"(?P<percent>\d+) percent"], guess=False)
    assert Found(7, None) == finder.find("frame 7 99%")
    assert Found(7, 9) == finder.find("frame 7 of 9")
    assert Found(5, 100) == finder.find("5 percent")
    assert finder.find("50%") is None
    assert finder.find("500 percent") is None


def test_metrics_are_named_numbers_and_numbered():
    metrics = Metrics([r"epoch (?P<epoch>\d+)", r"loss=(?P<loss>\S+)", r"acc=(?P<acc>[\d.]+)"])
    assert (4, {"loss": 0.5, "acc": 0.9}) == metrics.find("epoch 4: loss=0.5 acc=0.9")
    assert (5, {"loss": 0.25}) == metrics.find("loss=0.25")
    assert metrics.find("epoch 6") is None
    assert metrics.find("loss=high") is None
    iteration, numbers = metrics.find("loss=nan")
    assert (6, True) == (iteration, math.isnan(numbers["loss"]))


@given(st.text(max_size=300) | st.from_regex(r"\A(-?inf|nan|1e400|-?9{1,30})/(-?inf|nan|0|9{1,30})\Z"))
def test_no_line_is_too_much(text):
    found = Finder([r"(?P<current>\S+)/(?P<total>\S+)"]).find(text)
    assert found is None or point(found.current, found.total, found.message)
    Metrics([r"(?P<x>\S+)"]).find(text)


def test_rewritten_lines_are_one_and_the_last_counts():
    output = Output()
    assert [] == output.feed(b"10%\r20%")
    assert "20%" == output.current
    assert [] == output.feed(b"\r30%\r")
    assert "30%" == output.current
    assert ["40%"] == output.feed(b"40%\n")
    assert ["a", ""] == output.feed(b"a\r\n\nrest")
    assert ["rest"] == output.close()
    assert [] == output.close()


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_it_does_not_matter_how_the_bytes_are_cut(chunks):
    one, many = Output(), Output()
    whole = one.feed(b"".join(chunks)) + one.close()
    pieces = [line for chunk in chunks for line in many.feed(chunk)] + many.close()
    assert [line for line in whole if line.strip()] == [line for line in pieces if line.strip()]


def test_a_line_without_an_end_is_bounded():
    output = Output()
    for _ in range(10):
        output.feed(b"x" * MAX_LINE)
    assert MAX_LINE == len(output.current)
