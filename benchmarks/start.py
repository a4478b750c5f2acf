"""Submit → first `running` event, as a client sees it."""

from __future__ import annotations

import json
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import requests

from benchmarks.figures import Row, row
from benchmarks.frames import envelopes
from benchmarks.sockets import NAMESPACE, Crowd, ended, entering, settled
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

SUBMITS = 40


def rows(folder: Path, runs: int) -> list[Row]:
    warm = {"RUNCAST_WARM_WORKERS": "1"}
    with ServerProcess(folder / "warm", env=warm) as server:
        _wait_for_a_worker(server)
        running, completed = zip(*[start_latency(server) for _ in range(runs)], strict=True)
    cold = {"RUNCAST_WARM_WORKERS": "0", "RUNCAST_TASKS_PER_WORKER": "1"}
    with ServerProcess(folder / "cold", env=cold) as server:
        _, completed_cold = zip(*[start_latency(server) for _ in range(runs)], strict=True)
    return [
        row("submit → first `running` event (p50)", running, "ms", target="≤ 5 ms"),
        row("submit → `completed` of a no-op task, by a worker that waited (p50)", completed, "ms"),
        row("the same, a new process for each task (p50)", completed_cold, "ms"),
    ]


def _wait_for_a_worker(server: ServerProcess) -> None:
    def waiting() -> bool:
        return "runcast_waiting_workers 1.0" in requests.get(f"{server.url}/api/metrics", timeout=10).text

    wait_until(waiting, 60)


def start_latency(server: ServerProcess) -> tuple[float, float]:
    """Median milliseconds from before the POST to the `running` event, and to the end of the no-op task.

    The subscription (`since: 0`) is part of both: the id is only known after the answer.
    """
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        taken = [_one(server, connection) for _ in range(SUBMITS)]
    running, completed = zip(*taken, strict=True)
    return median(running), median(completed)


def _one(server: ServerProcess, connection: HTTPConnection) -> tuple[float, float]:
    crowd = Crowd()
    (member,) = crowd.join(server.port, [*entering(), (f"40{NAMESPACE}".encode(), "")])
    crowd.pump(lambda: settled(crowd.members), 30)
    begin = time.monotonic()
    connection.request("POST", "/api/tasks", '{"type": "test-noop"}', {"Content-Type": "application/json"})
    task = json.load(connection.getresponse())
    member.send(f'42{NAMESPACE},["subscribe",{{"task_id":"{task["task_id"]}","since":0}}]')
    if not crowd.pump(lambda: ended(crowd.members), 30):
        raise TimeoutError("the task has not ended")
    crowd.close()
    states = {event["data"].get("status"): 1000 * (at - begin) for at, event in reversed(envelopes(member))}
    return states["running"], states["completed"]
