"""No-op tasks per second, and how soon one starts, beside Celery and RQ."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import requests

from benchmarks.figures import Row, row, skipped
from benchmarks.peers import queues
from tests.support.servers import ServerProcess

BATCH = 1000
RQ_BATCH = 200
"""It starts a process for each job."""
SINGLE = 200
STARTS = 40
RQ_STARTS = 20
LOOK = 0.05
"""Seconds between two looks at how far a batch is: each costs the server some."""
DONE_SECONDS = 300


def rows(folder: Path, runs: int) -> list[Row]:
    reason = queues.missing()
    taken: dict[str, list[float]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(ServerProcess(folder / "server", env={"RUNCAST_WARM_WORKERS": "2"}))
        session = stack.enter_context(requests.Session())
        peers = {} if reason else _peers(stack, folder)
        _batch(server, session, 50)
        for _ in range(runs):
            _note(taken, "batch", BATCH / _batch(server, session, BATCH))
            _note(taken, "single", SINGLE / _single(server, session, SINGLE))
            for name, (queue, batch, starts) in peers.items():
                _note(taken, f"{name} batch", batch / queue.batch(batch))
                _note(taken, f"{name} start", 1000 * median(queue.start_latency() for _ in range(starts)))
    batch = row(f"no-op tasks, a batch of {BATCH:,}, results fetched; peer: Celery", taken["batch"], "tasks/s",
                taken.get("celery batch"), target="≥ 1.5 × Celery")  # fmt: skip
    lines = [batch, row("the same, submitted one by one by one client", taken["single"], "tasks/s")]
    if reason:
        return [*lines, skipped("Celery and RQ", reason)]
    return [
        *lines,
        row(f"RQ: no-op jobs, {RQ_BATCH} at once, results fetched", taken["rq batch"], "jobs/s"),
        row("Celery: submit → the body runs, without HTTP (p50)", taken["celery start"], "ms"),
        row("RQ: submit → the body runs, without HTTP (p50)", taken["rq start"], "ms"),
    ]


def _peers(stack: ExitStack, folder: Path) -> dict[str, tuple[queues.Queue, int, int]]:
    celery = stack.enter_context(queues.celery(folder / "celery"))
    rq = stack.enter_context(queues.rq(folder / "rq"))
    return {"celery": (celery, BATCH, STARTS), "rq": (rq, RQ_BATCH, RQ_STARTS)}


def _note(taken: dict[str, list[float]], name: str, value: float) -> None:
    taken.setdefault(name, []).append(value)


def _batch(server: ServerProcess, session: requests.Session, tasks: int) -> float:
    """Seconds from before the request to the last task of the list of the ended ones."""
    body = {"tasks": [{"type": "test-noop"}] * tasks}
    begin = time.monotonic()
    made = _json(session.post(f"{server.url}/api/batches", json=body, timeout=60))
    url = f"{server.url}/api/batches/{made['batch_id']}"
    deadline = begin + DONE_SECONDS
    while _json(session.get(url, timeout=60))["counts"].get("completed", 0) < tasks:
        if time.monotonic() > deadline:
            raise TimeoutError("the batch has not been done")
        time.sleep(LOOK)
    _fetch(server, session, made["batch_id"], tasks)
    return time.monotonic() - begin


def _fetch(server: ServerProcess, session: requests.Session, batch_id: str, tasks: int) -> None:
    """Take every task with its result."""
    got, cursor = 0, None
    while got < tasks:
        page = {"batch_id": batch_id, "limit": 200, **({"cursor": cursor} if cursor else {})}
        answer = _json(session.get(f"{server.url}/api/tasks", params=page, timeout=60))
        if any(task["status"] != "completed" for task in answer["tasks"]):
            raise RuntimeError("a task of the batch has not completed")
        got, cursor = got + len(answer["tasks"]), answer["next_cursor"]


def _single(server: ServerProcess, session: requests.Session, tasks: int) -> float:
    begin = time.monotonic()
    tag = f"single-{begin}"
    for _ in range(tasks):
        _json(session.post(f"{server.url}/api/tasks", json={"type": "test-noop", "tags": [tag]}, timeout=60))
    deadline = begin + DONE_SECONDS
    wanted = {"tag": tag, "status": "completed", "limit": 1}
    while _json(session.get(f"{server.url}/api/tasks", params=wanted, timeout=60))["total"] < tasks:
        if time.monotonic() > deadline:
            raise TimeoutError("the tasks have not been done")
        time.sleep(LOOK)
    return time.monotonic() - begin


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
