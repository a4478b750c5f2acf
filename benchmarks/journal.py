"""Appends to the journal each second: one caller, then 8 and 64 at once, whose appends share commits.

The store alone, without a server: each measurement is a process of its own (`appender.py`), on threads and
on eventlet. The control writes the same rows with the bare driver: a commit for each, or for every 64.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.figures import Row, row
from tests.support.servers import ROOT

SYNCHRONOUS = ("NORMAL", "FULL")
MODES = ("threading", "eventlet")
CALLERS = (1, 8, 64)
CONTROLS = {1: 1, 8: 64, 64: 64}
"""Rows in one commit of the control, by the number of callers."""
Key = tuple[str, str, int]
Figures = dict[str, float]


def rows(folder: Path, runs: int) -> list[Row]:
    taken: dict[Key, list[Figures]] = {}
    for number in range(runs):  # all sides in turn, so that a noisy minute meets each
        for synchronous in SYNCHRONOUS:
            for group in sorted(set(CONTROLS.values())):
                key = ("bare", synchronous, group)
                taken.setdefault(key, []).append(_run("peers.rows", folder / f"{number}", key))
            for mode, callers in product(MODES, CALLERS):
                key = (mode, synchronous, callers)
                taken.setdefault(key, []).append(_run("appender", folder / f"{number}", key))
    keys = product(SYNCHRONOUS, MODES, CALLERS)
    return [line for synchronous, mode, callers in keys for line in _lines(taken, (mode, synchronous, callers))]


def _lines(taken: dict[Key, list[Figures]], key: Key) -> list[Row]:
    mode, synchronous, callers = key
    bare = taken["bare", synchronous, CONTROLS[callers]]
    name = f"journal, {synchronous}, {callers} caller{'s' * (callers > 1)}, {mode}"
    return [
        _line(f"{name}: appends each second", "/s", "rate", taken[key], bare),
        _line(f"{name}: one append (p50)", "ms", "p50", taken[key]),
        _line(f"{name}: one append (p99)", "ms", "p99", taken[key]),
    ]


def _line(label: str, unit: str, name: str, ours: list[Figures], control: list[Figures] | None = None) -> Row:
    return row(label, [run[name] for run in ours], unit, [run[name] for run in control or ()])


def _run(module: str, folder: Path, key: Key) -> Figures:
    """What `python -m benchmarks.<module>` says of itself."""
    path = folder / "-".join(map(str, key))
    path.mkdir(parents=True)
    kind, synchronous, count = key
    words = [sys.executable, "-m", f"benchmarks.{module}", str(path), kind, synchronous, str(count)]
    said = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    figures: dict[str, Any] = json.loads(said.stdout)
    return figures
