"""tqdm's own bars, reporting."""

from __future__ import annotations

import io

import pytest

from api.adapters.tqdm import tqdm
from api.errors import TaskCancelled
from tests.unit.adapters.job import KeptJob


def test_a_loop_reports_where_it_stands_and_its_end(capsys):
    job = KeptJob()
    assert list(range(100)) == list(tqdm(range(100), job=job, desc="steps", mininterval=0, miniters=1))
    assert (0, 100, "steps") == job.points[0]
    assert (100, 100, "steps") == job.points[-1]
    assert 100 <= len(job.points)
    assert ("", "") == tuple(capsys.readouterr()), "nobody looks at a terminal here"


def test_a_fast_loop_reports_seldom():
    job = KeptJob()
    for _ in tqdm(range(100_000), job=job):
        pass
    assert len(job.points) < 50
    assert 100_000 == job.points[-1][0]


def test_a_bar_by_hand_without_a_total():
    job = KeptJob()
    with tqdm(job=job, mininterval=0) as bar:
        bar.update(3)
        bar.update(4)
    assert (7, None, None) == job.points[-1]


def test_numbers_of_the_postfix_are_metrics():
    job = KeptJob()
    with tqdm(total=2, job=job, mininterval=0) as bar:
        bar.update()
        bar.set_postfix(loss=0.5, phase="warm-up", ok=True)
    assert [(1, {"loss": 0.5})] == job.iterations


def test_a_cancel_ends_the_loop_and_the_next_bar_works():
    given = iter(range(100))
    with pytest.raises(TaskCancelled):
        list(tqdm(given, total=100, job=KeptJob(cancel_after=3), mininterval=0, miniters=1))
    assert next(given) < 10
    assert [0, 1] == list(tqdm(range(2), job=KeptJob()))


def test_a_cancel_ends_a_bar_by_hand():
    bar = tqdm(total=10, job=KeptJob(cancel_after=2), mininterval=0)
    with pytest.raises(TaskCancelled):
        bar.update()


def test_disabling_it_leaves_out_the_drawing_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    job, shown, hidden = KeptJob(), Terminal(), Terminal()
    for _ in tqdm(range(5), job=job, file=shown):
        pass
    for _ in tqdm(range(6), job=job, file=hidden, disable=True):
        pass
    assert "5/5" in shown.getvalue()
    assert "" == hidden.getvalue()
    assert (6, 6, None) == job.points[-1]
