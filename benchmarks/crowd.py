"""Report in the child → client at 100 events a second for 1, 100 and 500 subscribers, beside Node's socket.io.

The journal is on; Node emits from memory. Every event that was reported from one second after the last
subscription on counts. A server that cannot keep up delivers late or, at the time limit, not all: both show.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

import requests

from benchmarks.figures import Row, percentile, row, skipped
from benchmarks.frames import deliveries
from benchmarks.machine import Share, cpu_seconds, on_load_core, on_server_core
from benchmarks.peers.process import NODE, Peer, no_node, peer
from benchmarks.sockets import NAMESPACE, Crowd, ended, settled, subscribing
from tests.support.servers import ServerProcess, own_server

CROWDS = (1, 100, 500)
PER_SECOND = 100.0
SECONDS = 12.0
SETTLE = 1.0
LIMIT = 90.0
"""Seconds until what has not come is given up."""


@dataclass(frozen=True)
class Run:
    """In the units of `FIGURES`."""

    p50: float
    p99: float
    per_second: float
    share: float
    cpu: float
    load: float


FIGURES = {
    "p50": ("{}, 100 events/s: report → client (p50)", "ms"),
    "p99": ("{}, 100 events/s: report → client (p99)", "ms"),
    "per_second": ("{}: deliveries each second", "/s"),
    "share": ("{}: delivered within the limit", "%"),
    "cpu": ("{}: CPU of the server process per delivery", "µs"),
    "load": ("{}: how busy the load generator was", "% of a core"),
}
TARGETS = dict.fromkeys([(500, "p50"), (500, "p99"), (500, "cpu")], "≤ 0.6 × Node")


def rows(folder: Path, runs: int) -> list[Row]:
    reason = no_node()
    server = ServerProcess(folder / "server", command=lambda port: on_server_core(own_server(port)))
    lines = []
    with on_load_core(), server, _node(reason) as theirs:
        for size in CROWDS:
            ours, node = [], []
            for _ in range(runs):  # alternating, so that a noisy minute meets both
                ours.append(through_runcast(server, size))
                node += [through_node(theirs, size)] if theirs else []
            for name, (label, unit) in FIGURES.items():
                peers = [getattr(run, name) for run in node]
                taken = [getattr(run, name) for run in ours]
                lines.append(
                    row(
                        label.format(f"{size} subscriber{'s' * (size > 1)}"),
                        taken,
                        unit,
                        peers,
                        TARGETS.get((size, name), ""),
                    )
                )
    return [*lines, *([skipped("the same of Node's socket.io", reason)] if reason else [])]


def through_runcast(server: ServerProcess, size: int) -> Run:
    body = {"type": "test-ticks", "params": {"n": _reports(), "per_second": PER_SECOND}}
    task = requests.post(f"{server.url}/api/tasks", json=body, timeout=10).json()
    crowd = _subscribed(server.port, {"task_id": task["task_id"], "since": 0}, size)
    return _measured(crowd, server.pid)


def through_node(node: Peer, size: int) -> Run:
    crowd = _subscribed(node.port, {}, size)
    crowd.members[0].send(f'42{NAMESPACE},["run",{{"n":{_reports()},"per_second":{PER_SECOND}}}]')
    return _measured(crowd, node.pid)


def _reports() -> int:
    return int(PER_SECOND * (SECONDS + SETTLE))


def _subscribed(port: int, data: dict[str, object], size: int) -> Crowd:
    crowd = Crowd()
    crowd.on_lost = lambda member: None  # it counts by what it has not got
    crowd.join(port, subscribing(data), size)
    if not crowd.pump(lambda: settled(crowd.members), LIMIT):
        raise TimeoutError("not all could subscribe")
    return crowd


def _measured(crowd: Crowd, pid: int) -> Run:
    since = monotonic() + SETTLE
    crowd.pump(lambda: monotonic() >= since, 2 * SETTLE)
    cpu, load = cpu_seconds(pid), Share()
    crowd.pump(partial(ended, crowd.members), LIMIT)
    spent, busy = cpu_seconds(pid) - cpu, load()
    taken = list(deliveries(crowd.members))
    crowd.close()
    late = [1000 * (arrived - made) for made, arrived in taken if made >= since]
    if not late:
        raise TimeoutError(f"none of the reports of the counted time came within {LIMIT:.0f} s")
    before = len({made for made, _arrived in taken if made < since})
    arrivals = [arrived for _made, arrived in taken if arrived >= since]
    return Run(
        p50=percentile(late, 0.5),
        p99=percentile(late, 0.99),
        per_second=len(arrivals) / (max(arrivals) - since),
        share=100 * len(late) / ((_reports() - before) * len(crowd.members)),
        cpu=1e6 * spent / len(arrivals),
        load=100 * busy,
    )


@contextmanager
def _node(reason: str) -> Iterator[Peer | None]:
    if reason:
        yield None
        return
    with peer(on_server_core(["node", str(NODE / "server.mjs")])) as theirs:
        yield theirs
