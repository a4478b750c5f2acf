"""Submit → first `running` event, as a client sees it."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import requests

from benchmarks.figures import Row, row
from benchmarks.frames import envelopes
from benchmarks.sockets import NAMESPACE, Crowd, ended, entering, settled
from tests.support.servers import ServerProcess

SUBMITS = 40


def rows(folder: Path, runs: int) -> list[Row]:
    with ServerProcess(folder / "server") as server:
        taken = [start_latency(server) for _ in range(runs)]
    running, completed = zip(*taken, strict=True)
    return [
        row("submit → first `running` event (p50)", running, "ms", target="≤ 5 ms"),
        row("submit → `completed` of a no-op task, process start included (p50)", completed, "ms"),
    ]


def start_latency(server: ServerProcess) -> tuple[float, float]:
    """Median milliseconds from before the POST to the `running` event, and to the end of the no-op task.

    The subscription (`since: 0`) is part of both: the id is only known after the answer.
    """
    with requests.Session() as session:
        taken = [_one(server, session) for _ in range(SUBMITS)]
    running, completed = zip(*taken, strict=True)
    return median(running), median(completed)


def _one(server: ServerProcess, session: requests.Session) -> tuple[float, float]:
    crowd = Crowd()
    (member,) = crowd.join(server.port, [*entering(), (f"40{NAMESPACE}".encode(), "")])
    crowd.pump(lambda: settled(crowd.members), 30)
    begin = time.monotonic()
    task = session.post(f"{server.url}/api/tasks", json={"type": "test-noop"}, timeout=10).json()
    member.send(f'42{NAMESPACE},["subscribe",{{"task_id":"{task["task_id"]}","since":0}}]')
    if not crowd.pump(lambda: ended(crowd.members), 30):
        raise TimeoutError("the task has not ended")
    crowd.close()
    states = {event["data"].get("status"): 1000 * (at - begin) for at, event in reversed(envelopes(member))}
    return states["running"], states["completed"]
