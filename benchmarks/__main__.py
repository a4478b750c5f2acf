"""`python -m benchmarks`: measures, prints the table, writes it to `benchmarks/results/`."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import control, crowd, gap, journal, latency, replay, slow, start, tasks, topics
from benchmarks.figures import Row, markdown, skipped
from benchmarks.machine import file_system, machine

RESULTS = Path(__file__).parent / "results"
RUNS = 5
GROUPS: dict[str, Callable[[Path, int], list[Row]]] = {
    "start": start.rows,
    "latency": latency.rows,
    "gap": gap.rows,
    "replay": replay.rows,
    "journal": journal.rows,
    "crowd": crowd.rows,
    "slow": slow.rows,
    "tasks": tasks.rows,
    "control": control.rows,
    "topics": topics.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each figure (default {RUNS})")
    parser.add_argument(
        "--only", nargs="+", action="extend", choices=GROUPS, metavar="GROUP", help=f"some of: {', '.join(GROUPS)}"
    )
    options = parser.parse_args()
    chosen = [name for name in GROUPS if name in (options.only or GROUPS)]
    with tempfile.TemporaryDirectory() as folder:
        report = {"taken_at": datetime.now(UTC).isoformat(), "machine": machine(), "runs": options.runs}
        report["machine"]["file_system"] = file_system(Path(folder))
        report["rows"] = [line for name in chosen for line in _measure(name, Path(folder), options.runs)]
    report["load_average_after"] = machine()["load_average"]
    _write(report, "latest" if len(chosen) == len(GROUPS) else "-".join(chosen))
    if any(line.get("failed") for line in report["rows"]):
        raise SystemExit(1)


def _measure(name: str, folder: Path, runs: int) -> list[Row]:
    begun = time.monotonic()
    try:
        rows = GROUPS[name](folder / name, runs)
    except Exception as error:  # noqa: BLE001  # said here and by the exit code; what the others measured is kept
        traceback.print_exc()
        rows = [skipped(name, f"it failed: {error}") | {"failed": True}]
    print(f"{name}: {time.monotonic() - begun:.0f} s", flush=True)
    return [{"group": name, **line} for line in rows]


def _write(report: dict[str, Any], name: str) -> None:
    table = markdown(report["rows"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(table + "\n")
    print(json.dumps(report["machine"]))
    print(table)


if __name__ == "__main__":
    main()
