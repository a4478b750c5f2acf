"""Replay of what was missed: 10,000 events of an ended task to one client, and to 200 that come back at once.

The server is a fresh one each time, on the same data: nothing is left in its memory. The control does what
cannot be spared: read the same envelopes from SQLite, page by page, encode, frame and send them.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import requests

from benchmarks.figures import Row, percentile, row
from benchmarks.frames import Known, faults, updates
from benchmarks.machine import Share, cpu_seconds, forget_peak, memory, on_load_core, on_server_core
from benchmarks.peers.process import peer
from benchmarks.peers.reader import keep
from benchmarks.sockets import Crowd, Step, Subscriber, ended, subscribing
from tests.support.events import history, submit
from tests.support.servers import ServerProcess, own_server

EVENTS = 10_000
SIZE = 250
"""Bytes of an envelope as JSON."""
POST = 1000
CROWD = 200
LIMIT = 240.0
ROOM = 4 << 20
FIGURES = {
    "one": ("10,000 missed events to one client", "ms", "≤ 250 ms"),
    "rate": ("10,000 missed events to one client: events each second", "/s", ""),
    "last": ("the same to 200 clients that reconnect at once: until the last one has all", "s", ""),
    "p50": ("200 clients at once: until a client has all (p50)", "s", ""),
    "p99": ("200 clients at once: until a client has all (p99)", "s", ""),
    "deliveries": ("200 clients at once: deliveries each second", "/s", ""),
    "cpu": ("200 clients at once: CPU of the server process per delivery", "µs", ""),
    "before": ("200 clients at once: memory of the server before", "MiB", ""),
    "peak": ("200 clients at once: memory of the server at most", "MiB", ""),
    "after": ("200 clients at once: memory of the server after", "MiB", ""),
    "load": ("200 clients at once: how busy the load generator was", "% of a core", ""),
}


def rows(folder: Path, runs: int) -> list[Row]:
    server = ServerProcess(folder / "server", command=lambda port: on_server_core(own_server(port)))
    with server:
        task = _fill(server.url)
        events = history(server.url, task)
    kept = folder / "envelopes.db"
    keep(events, kept)
    script = subscribing({"task_id": task, "since": 0})
    ours, control = [], []
    with on_load_core():
        for _ in range(runs):  # alternating, so that a noisy minute meets both
            with server:
                ours.append(_run(server.port, server.pid, script, len(events)))
            with peer(on_server_core([sys.executable, "-m", "benchmarks.peers.reader", str(kept)])) as bare:
                control.append(_run(bare.port, bare.pid, script, len(events)))
    return [
        row(label, [run[name] for run in ours], unit, [run[name] for run in control if unit != "MiB"], target)
        for name, (label, unit, target) in FIGURES.items()
    ]


def _fill(url: str) -> str:
    """The id of an ended task with so many events of that size."""
    task = submit(url, "external")
    bare = {"task_id": task, "seq": EVENTS, "event_type": "log", "data": {"level": "info", "message": ""}}
    length = SIZE - len(json.dumps(bare | {"timestamp": "x" * 27}, separators=(",", ":")))
    said = {"event_type": "log", "data": {"level": "info", "message": "m" * length}}
    for _ in range(EVENTS // POST):
        _append(url, task, [said] * POST)
    _append(url, task, [{"event_type": "status_change", "data": {"status": "completed"}}])
    return task


def _append(url: str, task: str, events: list[dict[str, Any]]) -> None:
    requests.post(f"{url}/api/tasks/{task}/events", json=events, timeout=60).raise_for_status()


def _run(port: int, pid: int, script: list[Step], last: int) -> dict[str, float]:
    known = Known()
    _replayed(port, script, 1)  # what a process does only once is not counted
    (member,) = _replayed(port, script, 1)
    one = _whole(member, last, known) - member.answered
    forget_peak(pid)
    before, cpu, load, begin = memory(pid)[0], cpu_seconds(pid), Share(), monotonic()
    members = _replayed(port, script, CROWD)
    spent, busy, (after, peak) = cpu_seconds(pid) - cpu, load(), memory(pid)
    each = [_whole(member, last, known) - begin for member in members]
    return {
        "one": 1000 * one,
        "rate": last / one,
        "last": max(each),
        "p50": percentile(each, 0.5),
        "p99": percentile(each, 0.99),
        "deliveries": CROWD * last / max(each),
        "cpu": 1e6 * spent / (CROWD * last),
        "before": before,
        "peak": peak,
        "after": after,
        "load": 100 * busy,
    }


def _replayed(port: int, script: list[Step], size: int) -> list[Subscriber]:
    crowd = Crowd()
    members = crowd.join(port, script, size, room=ROOM)
    if not crowd.pump(partial(ended, members), LIMIT):
        raise TimeoutError(f"not all had everything within {LIMIT:.0f} s")
    crowd.close()
    return members


def _whole(member: Subscriber, last: int, known: Known) -> float:
    """When the last event came; every one before it must have, once and in order."""
    taken = [(known[text].seq, at) for at, text in updates(member)]
    wrong = faults([seq for seq, _at in taken], range(1, last + 1))
    if wrong:
        raise AssertionError(f"{wrong} events are missing, repeated or misplaced")
    return taken[-1][1]
