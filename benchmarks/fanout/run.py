"""One run of one side: memory of an idle connection, and every setting at every size."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from benchmarks.fanout.load import ENTERING, JOINING, Load, connect
from benchmarks.fanout.plan import LARGE, Plan, Setting
from benchmarks.fanout.server import Server, started
from benchmarks.fanout.sides import Side
from benchmarks.figures import percentile
from benchmarks.machine import anonymous

Figures = dict[str, float]
"""By `memory`, `connect/SIZE` and `SETTING/SIZE/METRIC`, in the units of `report.METRICS`."""
FIRST = 50
"""Connections before the memory of others is measured, so that what is made once is there."""
ENOUGH = 100
"""Connections from which on the CPU of one can be told."""
QUIET, STEP, CALM = 10.0, 0.1, 0.03
"""A server is at rest when it takes less than 3 % of a core for 0.1 s; it has 10 s for it."""


def run(side: Side, plan: Plan, figures: Figures) -> None:
    """Adds to `figures` as it goes on, so that a failure loses only what comes after it."""
    with started(side.command) as server:
        figures["memory"] = memory(server, plan.idle)
        for size in plan.sizes:
            sweep(server, plan, size, figures)


def memory(server: Server, idle: int) -> float:
    """KiB of a connection that has entered the namespace and is idle, garbage collected."""
    with closing(Load(server.control, connect(server.port, FIRST, ENTERING))) as first:
        before = _collected(server, first)
        with closing(Load(server.control, connect(server.port, idle, ENTERING))) as others:
            return (_collected(server, others) - before) / idle / 1024


def _collected(server: Server, load: Load) -> int:
    settle(server, load.rest)
    server.control.ask("collect", QUIET)
    return anonymous(server.pid)


def sweep(server: Server, plan: Plan, size: int, figures: Figures) -> None:
    """Every setting at one size; fresh connections, of which the CPU is taken too."""
    settle(server, time.sleep)
    before = server.cpu()
    with closing(Load(server.control, connect(server.port, size, JOINING))) as load:
        settle(server, load.rest)
        if size >= ENOUGH:
            figures[f"connect/{size}"] = 1e3 * (server.cpu() - before) / size
        for setting in plan.settings(size):
            if size < LARGE:
                load.measure(setting, plan.warm_up, 1000)
            for metric, value in measure(server, load, setting, plan.seconds(setting), size).items():
                figures[f"{setting.name}/{size}/{metric}"] = value


def measure(server: Server, load: Load, setting: Setting, seconds: float, size: int) -> Figures:
    settle(server, load.rest)
    every = 101 if not setting.rate else 7 if size > 100 else 1  # prime: it shall not meet the same subscriber again
    before = server.cpu()
    taken = load.measure(setting, seconds, every)
    spent = server.cpu() - before
    return {
        "cpu": 1e6 * spent / taken.messages,
        "rate": taken.messages / taken.seconds,
        "p50": 1e3 * percentile(taken.late, 0.5),
        "p99": 1e3 * percentile(taken.late, 0.99),
        "load": 100 * taken.busy,
    }


def settle(server: Server, rest: Callable[[float], object]) -> None:
    """Until what was asked before, closing connections for one, costs the server nothing any more."""
    deadline, spent = time.monotonic() + QUIET, server.cpu()
    while time.monotonic() < deadline:
        rest(STEP)
        before, spent = spent, server.cpu()
        if spent - before < CALM * STEP:
            return
