"""Report in the child → client: journal on, one process hop, one socket; beside Flask-SocketIO as it comes."""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from benchmarks.figures import Row, percentile, row
from benchmarks.frames import deliveries
from benchmarks.peers.process import peer
from benchmarks.sockets import NAMESPACE, Crowd, ended, settled, subscribing
from tests.support.servers import ServerProcess

CROWDS = (1, 100)
REPORTS = 300
PER_SECOND = 50.0
TARGETS = {(1, "p50"): "≤ 2 ms"}


def rows(folder: Path, runs: int) -> list[Row]:
    bare = [sys.executable, "-m", "benchmarks.peers.bare"]
    lines = []
    with ServerProcess(folder / "server") as server, peer(bare) as theirs:
        for size in CROWDS:
            taken = [
                (through_runcast(server, size), through_the_peer(theirs.port, size)) for _ in range(runs)
            ]  # alternating, so that a noisy minute meets both
            for index, name in enumerate(("p50", "p99")):
                ours, peers = ([side[index] for side in sides] for sides in zip(*taken, strict=True))
                label = f"report in the child → client, {size} subscriber{'s' * (size > 1)} ({name})"
                lines.append(row(label, ours, "ms", peers, TARGETS.get((size, name), "")))
    return lines


def through_runcast(server: ServerProcess, subscribers: int) -> tuple[float, float]:
    """(p50, p99) in milliseconds over all subscribers."""
    body = {"type": "test-ticks", "params": {"n": REPORTS, "per_second": PER_SECOND}}
    task = requests.post(f"{server.url}/api/tasks", json=body, timeout=10).json()
    crowd = Crowd()
    crowd.join(server.port, subscribing({"task_id": task["task_id"], "since": 0}), subscribers)
    return _summary(crowd)


def through_the_peer(port: int, subscribers: int) -> tuple[float, float]:
    """The same rate and message from a background thread that emits: no child, no journal."""
    crowd = Crowd()
    crowd.join(port, subscribing({}), subscribers)
    crowd.pump(lambda: settled(crowd.members), 30)
    crowd.members[0].send(f'42{NAMESPACE},["run",{{"n":{REPORTS},"per_second":{PER_SECOND}}}]')
    return _summary(crowd)


def _summary(crowd: Crowd) -> tuple[float, float]:
    crowd.pump(lambda: ended(crowd.members), 120)
    late = [1000 * (arrived - made) for made, arrived in deliveries(crowd.members)]
    crowd.close()
    if len(late) != REPORTS * len(crowd.members):
        raise AssertionError(f"{len(late)} deliveries of {REPORTS * len(crowd.members)}")
    return percentile(late, 0.5), percentile(late, 0.99)
