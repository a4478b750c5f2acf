"""The hub's largest gap while two optimisations run on two cores, beside an idle server of the same run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import requests

from benchmarks.figures import Row, row
from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

WORK = {"bom_file": "config/bom_complex.json", "max_iterations": 20, "convergence_threshold": 0}
LARGEST = re.compile(r"^runcast_hub_gap_max_seconds ([0-9.e+-]+)", re.MULTILINE)
TICKS = re.compile(r"^runcast_hub_gap_seconds_count ([0-9.e+-]+)", re.MULTILINE)


def rows(folder: Path, runs: int) -> list[Row]:
    taken = [gaps(folder / str(number)) for number in range(runs)]
    busy, idle, _turns = zip(*taken, strict=True)
    return [row("largest gap of the hub, two optimisations on two cores", busy, "ms", idle)]


def gaps(folder: Path) -> tuple[float, float, int]:
    """(largest gap at work, largest gap idle, turns counted), in milliseconds; each server is a fresh one."""
    with ServerProcess(folder / "work") as server:
        tasks = [submit(server.url, "optimization", WORK | {"seed": seed}) for seed in (1, 2)]
        for task in tasks:
            wait_for_status(server.url, task, "completed", timeout=300)
        busy, turns = largest_gap(server), _turns(server)
    with ServerProcess(folder / "idle") as server:
        _watch_for(server, lambda: _turns(server) >= turns)
        return busy, largest_gap(server), turns


def _watch_for(server: ServerProcess, done: Callable[[], bool]) -> None:
    wait_until(done, 300, lambda: "the idle server has not turned often enough", interval=1.0)


def largest_gap(server: ServerProcess) -> float:
    """Since its start, in milliseconds."""
    return 1000 * _value(server, LARGEST)


def _turns(server: ServerProcess) -> int:
    return int(_value(server, TICKS))


def _value(server: ServerProcess, pattern: re.Pattern[str]) -> float:
    found = pattern.search(requests.get(f"{server.url}/api/metrics", timeout=10).text)
    if found is None:
        raise AssertionError(f"no {pattern.pattern} in the metrics")
    return float(found[1])
