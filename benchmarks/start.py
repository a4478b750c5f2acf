"""Submit → first `running` event, as a client sees it."""

from __future__ import annotations

import time
from statistics import median

import requests

from benchmarks.sockets import Crowd, envelopes
from tests.support.servers import ServerProcess

SUBMITS = 40


def start_latency(server: ServerProcess) -> tuple[list[float], list[float]]:
    """Milliseconds from before the POST to the `running` event, and to the end of the no-op task.

    The subscription (`since: 0`) is part of both: the id is only known after the answer.
    """
    running, completed = [], []
    with requests.Session() as session:
        for _ in range(SUBMITS):
            crowd = Crowd(server.port, 1)
            member = crowd.members[0]
            begin = time.monotonic()
            task = session.post(f"{server.url}/api/tasks", json={"type": "test-noop"}, timeout=10).json()
            crowd.emit("subscribe", {"task_id": task["task_id"], "since": 0})
            crowd.pump(lambda member=member: '"completed"' in member.arrivals[-1][1], 30)
            states = [(at, event["data"].get("status")) for at, event in envelopes(member)]
            running.append(1000 * (next(at for at, status in states if status == "running") - begin))
            completed.append(1000 * (next(at for at, status in states if status == "completed") - begin))
            crowd.close()
    return [median(running)], [median(completed)]
