"""Report in the child → client: journal on, one process hop, one socket."""

from __future__ import annotations

import requests

from benchmarks.figures import percentile
from benchmarks.sockets import Crowd, envelopes
from tests.support.servers import ServerProcess

REPORTS = 300
PER_SECOND = 50.0


def through_runcast(server: ServerProcess, subscribers: int) -> tuple[float, float]:
    """(p50, p99) in milliseconds over all subscribers."""
    crowd = Crowd(server.port, subscribers)
    body = {"type": "test-ticks", "params": {"n": REPORTS, "per_second": PER_SECOND}}
    task = requests.post(f"{server.url}/api/tasks", json=body, timeout=10).json()
    crowd.emit("subscribe", {"task_id": task["task_id"], "since": 0})
    crowd.pump(lambda: all('"completed"' in member.arrivals[-1][1] for member in crowd.members), 120)
    return _summary(crowd)


def through_the_peer(port: int, subscribers: int) -> tuple[float, float]:
    """The same rate and message from Flask-SocketIO as it comes: no child, no journal."""
    crowd = Crowd(port, subscribers)
    crowd.emit("subscribe", {})
    crowd.pump(lambda: all(len(member.arrivals) > 1 for member in crowd.members), 30)
    crowd.members[0].send(f'42/tasks,["run",{{"n":{REPORTS},"per_second":{PER_SECOND}}}]')
    last = f'"seq":{REPORTS},'
    crowd.pump(lambda: all(last in member.arrivals[-1][1] for member in crowd.members), 120)
    return _summary(crowd)


def _summary(crowd: Crowd) -> tuple[float, float]:
    delays = [
        1000 * (at - event["data"]["metrics"]["sent"])
        for member in crowd.members
        for at, event in envelopes(member)
        if event["event_type"] == "iteration_complete"
    ]
    crowd.close()
    if len(delays) != REPORTS * len(crowd.members):
        raise AssertionError(f"{len(delays)} deliveries of {REPORTS * len(crowd.members)}")
    return percentile(delays, 0.5), percentile(delays, 0.99)
