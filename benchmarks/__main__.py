"""`python -m benchmarks`: measures, prints the table, writes `benchmarks/results/latest.json` and `.md`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import machine, markdown, row
from benchmarks.gap import gaps
from benchmarks.latency import through_runcast, through_the_peer
from benchmarks.start import start_latency
from tests.support.servers import ROOT, ServerProcess, free_port

RESULTS = Path(__file__).parent / "results"
RUNS = 5
CROWDS = (1, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each figure (default {RUNS})")
    runs = parser.parse_args().runs
    begun = machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_start_rows(Path(folder), runs), *_latency_rows(Path(folder), runs), *_gap_rows(Path(folder), runs)]
    _write({"taken_at": datetime.now(UTC).isoformat(), "machine": begun, "runs": runs, "rows": rows})


def _start_rows(folder: Path, runs: int) -> list[dict[str, Any]]:
    running, completed = [], []
    with ServerProcess(folder / "start") as server:
        for _ in range(runs):
            first, end = start_latency(server)
            running += first
            completed += end
    return [
        row("submit → first `running` event (p50)", running, "ms"),
        row("submit → `completed` of a no-op task, process start included (p50)", completed, "ms"),
    ]


def _latency_rows(folder: Path, runs: int) -> list[dict[str, Any]]:
    rows = []
    with ServerProcess(folder / "latency") as server, _peer() as port:
        for size in CROWDS:
            ours, theirs = [], []
            for _ in range(runs):  # alternating, so that a noisy minute meets both
                ours.append(through_runcast(server, size))
                theirs.append(through_the_peer(port, size))
            for index, name in enumerate(("p50", "p99")):
                label = f"report in the child → client, {size} subscriber{'s' * (size > 1)} ({name})"
                rows.append(row(label, [run[index] for run in ours], "ms", [run[index] for run in theirs]))
    return rows


def _gap_rows(folder: Path, runs: int) -> list[dict[str, Any]]:
    busy, idle = [], []
    for number in range(runs):
        at_work, at_rest, _turns = gaps(folder / f"gap{number}")
        busy.append(at_work)
        idle.append(at_rest)
    return [row("largest gap of the hub, two optimisations on two cores", busy, "ms", idle)]


@contextmanager
def _peer() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.bare", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says when it listens
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _write(report: dict[str, Any]) -> None:
    table = markdown(report["rows"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / "latest.md").write_text(table + "\n")
    print(json.dumps(report["machine"]))
    print(table)


if __name__ == "__main__":
    main()
