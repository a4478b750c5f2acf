"""One client that stops reading for 30 s while 100,000 events pass to it and to 20 others.

Each run has a control without the slow one, on a fresh server of its own: what the slow one costs in memory is
the difference of the two peaks. Afterwards it reads on, or resumes by `since` where the server has closed it,
until the end; then every event that may not be left out must be there, once and in order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

import requests

from benchmarks.figures import Row, percentile, row
from benchmarks.frames import deliveries
from benchmarks.machine import Share, forget_peak, memory, on_load_core, on_server_core
from benchmarks.sleeper import Sleeper
from benchmarks.sockets import Crowd, Subscriber, ended, settled, subscribing
from tests.support.servers import ServerProcess, own_server

EVENTS = 100_000
PER_SECOND = 3_400.0
"""Nominal, so that all pass while the slow one sleeps; a server that cannot holds the child back."""
READERS = 20
ASLEEP = 30.0
LIMIT = 240.0
ROOM = 32 << 20
FIGURES = {
    "p50": ("100,000 events, 20 readers beside a slow one: report → client (p50)", "ms", "control"),
    "p99": ("100,000 events, 20 readers beside a slow one: report → client (p99)", "ms", "control"),
    "rate": ("100,000 events, 20 readers beside a slow one: events each second", "/s", ""),
    "growth": (
        "memory of the server while they pass and the slow one sleeps, peak over before",
        "MiB",
        "control + 1 MiB",
    ),
    "whole": ("memory of the server until all have read everything, peak over before", "MiB", ""),
    "load": ("slow reader: how busy the load generator was", "% of a core", ""),
}
OF_THE_SLOW = {
    "missed": ("the slow one: events that passed while it slept", "events", ""),
    "catching_up": ("the slow one: from waking to the end of the task", "s", ""),
    "faults": ("the slow one: events missing, repeated or misplaced", "events", "0"),
    "lagged": ("the slow one: `lagged` notices", "notices", ""),
    "resumed": ("the slow one: times that it had to connect again", "times", ""),
}
Figures = dict[str, float]


def rows(folder: Path, runs: int) -> list[Row]:
    ours, control = [], []
    with on_load_core():
        for number in range(runs):  # alternating, so that a noisy minute meets both
            control.append(_run(folder / f"without-{number}", slow=False))
            ours.append(_run(folder / f"with-{number}", slow=True))
    lines = [
        row(label, [run[name] for run in ours], unit, [run[name] for run in control], target)
        for name, (label, unit, target) in FIGURES.items()
    ]
    own = [
        row(label, [run[name] for run in ours], unit, target=target)
        for name, (label, unit, target) in OF_THE_SLOW.items()
    ]
    return lines + own


def _run(folder: Path, *, slow: bool) -> Figures:
    with ServerProcess(folder, command=lambda port: on_server_core(own_server(port))) as server:
        forget_peak(server.pid)
        before = memory(server.pid)[0]
        body = {"type": "test-ticks", "params": {"n": EVENTS, "per_second": PER_SECOND}}
        task = requests.post(f"{server.url}/api/tasks", json=body, timeout=10).json()["task_id"]
        crowd = Crowd()
        readers = crowd.join(server.port, subscribing({"task_id": task, "since": 0}), READERS, room=ROOM)
        sleeper = Sleeper(crowd, server.port, task, ROOM) if slow else None
        _until(crowd, partial(settled, crowd.members))
        begun, load = monotonic(), Share()
        if sleeper:
            sleeper.fall_asleep()
        _until(crowd, lambda: monotonic() >= begun + ASLEEP)
        growth = memory(server.pid)[1] - before
        if sleeper:
            sleeper.wake_up()
        _until(crowd, lambda: ended(readers) and (sleeper is None or sleeper.done()))
        busy, whole = load(), memory(server.pid)[1] - before
        crowd.close()
    figures = _of_readers(readers, begun) | {"growth": growth, "whole": whole, "load": 100 * busy}
    return figures | (sleeper.figures(readers[0]) if sleeper else {})


def _until(crowd: Crowd, done: Callable[[], bool]) -> None:
    if not crowd.pump(done, LIMIT):
        raise TimeoutError(f"what was awaited has not come within {LIMIT:.0f} s")


def _of_readers(readers: list[Subscriber], begun: float) -> Figures:
    late, last = [], begun
    for made, arrived in deliveries(readers):
        late.append(1000 * (arrived - made))
        last = max(last, arrived)
    if len(late) != EVENTS * len(readers):
        raise AssertionError(f"{len(late)} deliveries of {EVENTS * len(readers)}")
    return {"p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "rate": EVENTS / (last - begun)}
