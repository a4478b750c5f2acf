"""How soon a task pauses, resumes and stops, and how soon all goes on after the server was killed."""

from __future__ import annotations

import time
from pathlib import Path

import requests

from benchmarks.figures import Row, percentile, row
from benchmarks.frames import envelopes
from benchmarks.sockets import NAMESPACE, Crowd, Subscriber, entering, settled
from tests.support.events import submit, wait_for_status
from tests.support.servers import ServerProcess
from tests.support.waiting import wait_until

TURNS = 50
CANCELS = 30
RUNNING = 100
RECOVERY_SECONDS = 300
PATIENT = {"n": 1, "delay": 3600}
"""Looks every 10 ms whether it is to pause or to stop: 5 ms of each figure, on average, are its own."""


def rows(folder: Path, runs: int) -> list[Row]:
    pauses, resumes, cancels = [], [], []
    with ServerProcess(folder / "server") as server:
        for _ in range(runs):
            paused, resumed = _pauses(server)
            pauses.append(paused)
            resumes.append(resumed)
            cancels.append([_cancel(server) for _ in range(CANCELS)])
    lines = [
        row(f"{name} asked for → in effect{when} ({label})", [percentile(run, share) for run in taken], "ms")
        for name, when, taken in (
            ("pause", "", pauses),
            ("resume", "", resumes),
            ("cancel", ", as its process starts", cancels),
        )
        for label, share in (("p50", 0.5), ("p99", 0.99))
    ]
    recovered = [_recovery(folder / f"recovery-{number}") for number in range(runs)]
    ready, again = zip(*recovered, strict=True)
    return [
        *lines,
        row("server killed with kill -9 → a new one answers", ready, "s"),
        row(f"the same → its {RUNNING} running tasks run again", again, "s"),
    ]


def _pauses(server: ServerProcess) -> tuple[list[float], list[float]]:
    """Milliseconds of each pause and resume of one task, from before the POST to the arrival of the event."""
    task = submit(server.url, "test-steps", PATIENT)
    wait_for_status(server.url, task, "running")
    taken: dict[str, list[float]] = {"paused": [], "running": []}
    with requests.Session() as session:
        crowd, member = _watching(server, task)
        for _ in range(TURNS):
            for verb, status in (("pause", "paused"), ("resume", "running")):
                taken[status].append(_asked(server, session, crowd, member, task, verb, status))
        session.post(f"{server.url}/api/tasks/{task}/cancel", timeout=10).raise_for_status()
        crowd.close()
    wait_for_status(server.url, task, "cancelled")
    return taken["paused"], taken["running"]


def _cancel(server: ServerProcess) -> float:
    task = submit(server.url, "test-steps", PATIENT)
    wait_for_status(server.url, task, "running")
    with requests.Session() as session:
        crowd, member = _watching(server, task)
        taken = _asked(server, session, crowd, member, task, "cancel", "cancelled")
        crowd.close()
    return taken


def _watching(server: ServerProcess, task: str) -> tuple[Crowd, Subscriber]:
    crowd = Crowd()
    (member,) = crowd.join(server.port, [*entering(), (f"40{NAMESPACE}".encode(), "")])
    crowd.pump(lambda: settled(crowd.members), 30)
    member.send(f'42{NAMESPACE},["subscribe",{{"task_id":"{task}"}}]')
    crowd.pump(lambda: b'"subscribed"' in member.data[: member.size], 30)
    return crowd, member


def _asked(
    server: ServerProcess,
    session: requests.Session,
    crowd: Crowd,
    member: Subscriber,
    task: str,
    verb: str,
    status: str,
) -> float:
    before = len(envelopes(member))
    begin = time.monotonic()
    session.post(f"{server.url}/api/tasks/{task}/{verb}", timeout=10).raise_for_status()
    reached: list[float] = []

    def arrived() -> bool:
        new = envelopes(member)[before:]
        reached[:] = [at for at, event in new if event["data"].get("status") == status and _in_effect(event, verb)]
        return bool(reached)

    if not crowd.pump(arrived, 30):
        raise TimeoutError(f"{verb} has not taken effect")
    return 1000 * (reached[0] - begin)


def _in_effect(event: dict[str, object], verb: str) -> bool:
    """`running` with the word `resuming` only says that it was asked for."""
    data = event["data"]
    assert isinstance(data, dict)
    return not str(data.get("message", "")).startswith("resuming")


def _recovery(folder: Path) -> tuple[float, float]:
    """Seconds from the start of a new server to where it answers, and to where all that ran runs again."""
    server = ServerProcess(folder, env={"RUNCAST_MAX_WORKERS": str(RUNNING)})
    with server:
        tasks = [submit(server.url, "test-steps", PATIENT) for _ in range(RUNNING)]
        wait_until(lambda: _attempts(server) >= RUNNING, RECOVERY_SECONDS)
        seqs = {task: _last_seq(server, task) for task in tasks}
        server.kill()
        begin = time.monotonic()
        server.start()
        ready = time.monotonic() - begin
        wait_until(
            lambda: _attempts(server) >= RUNNING and all(_last_seq(server, task) > seqs[task] for task in tasks),
            RECOVERY_SECONDS,
        )
        return ready, time.monotonic() - begin


def _attempts(server: ServerProcess) -> int:
    page = {"status": "running", "limit": 1}
    return int(requests.get(f"{server.url}/api/tasks", params=page, timeout=60).json()["total"])


def _last_seq(server: ServerProcess, task: str) -> int:
    return int(requests.get(f"{server.url}/api/tasks/{task}", timeout=60).json()["last_seq"])
