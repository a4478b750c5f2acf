"""`python -m benchmarks.fanout`: the fan-out beside its peers, in one run and by one load generator."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.fanout import encodings
from benchmarks.fanout.native import library
from benchmarks.fanout.picture import draw
from benchmarks.fanout.plan import QUICK, Plan
from benchmarks.fanout.report import encodings_table, markdown, summed
from benchmarks.fanout.run import Figures, run
from benchmarks.fanout.sides import SIDES
from benchmarks.machine import LOAD_CORE, SERVER_CORE, machine, on_load_core

RESULTS = Path(__file__).parents[1] / "results"
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "fanout.svg"
RUNS = 5
SPARE = 200
"""Open files beside the connections."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    plan = QUICK if options.quick else Plan()
    if options.subscribers:
        plan = replace(plan, sizes=tuple(options.subscribers))
    chosen = [name for name, side in SIDES.items() if name in (options.only or [name] * side.usual)]
    left_out = {SIDES[name].label: reason for name in chosen if (reason := SIDES[name].missing())}
    taking_part = [name for name in chosen if SIDES[name].label not in left_out]
    report: dict[str, Any] = {
        "taken_at": datetime.now(UTC).isoformat(),
        "machine": machine() | {"pinned": f"server to core {SERVER_CORE}, load generator to core {LOAD_CORE}"},
        "load_generator": "C" if library() else "Python",
        "runs": options.runs,
        "plan": asdict(plan),
    }
    with _many_files(max(*plan.sizes, plan.idle)), on_load_core():
        runs, failed = measured(taking_part, plan, options.runs)
        encoded, failed_too = measured_encodings(options) if not (options.only or options.subscribers) else ({}, {})
    failed |= failed_too
    report["load_average_after"] = machine()["load_average"]
    report["left_out"] = left_out | failed
    report["sides"] = {name: {"label": SIDES[name].label, "figures": summed(runs[name])} for name in taking_part}
    report["encodings"] = encoded
    whole = not (options.quick or options.only or options.subscribers)
    _write(report, plan, options.results, "fanout" if whole else "fanout-part")
    if whole and not options.results:
        draw(report["sides"], 500, PICTURE)
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--runs", type=int, help=f"runs of each side (default {RUNS}; 1 if quick)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SIDES,
        metavar="SIDE",
        help=f"some of: {', '.join(SIDES)}",
    )
    parser.add_argument(
        "--subscribers", type=lambda text: [int(size) for size in text.split(",")], help="sizes, such as 1,500"
    )
    parser.add_argument("--quick", action="store_true", help="short and small: does it work? Its figures say little")
    parser.add_argument("--results", type=Path, help="folder (default: benchmarks/results)")
    options = parser.parse_args(arguments)
    options.runs = options.runs or (1 if options.quick else RUNS)
    return options


def measured(names: Sequence[str], plan: Plan, runs: int) -> tuple[dict[str, list[Figures]], dict[str, str]]:
    """What the runs of each side brought, and by its label why one failed: it is not measured again."""
    taken: dict[str, list[Figures]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for number in range(1, runs + 1):  # alternating, so that a noisy minute meets all
        for name in names:
            label = SIDES[name].label
            if label in failed:
                continue
            begun, figures = time.monotonic(), Figures()
            taken[name].append(figures)
            try:
                run(SIDES[name], plan, figures)
            except Exception as error:  # noqa: BLE001  # said here, in the table and by the exit code
                traceback.print_exc()
                failed[label] = f"run {number} failed: {error}"
            print(f"run {number} of {runs}, {label}: {time.monotonic() - begun:.0f} s", flush=True)
    return taken, failed


def measured_encodings(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, str]]:
    """What each encoding brought, summed, and by its name why one failed."""
    size = {"subscribers": encodings.QUICK_SUBSCRIBERS, "seconds": encodings.QUICK_SECONDS} if options.quick else {}
    taken: dict[str, list[Figures]] = {name: [] for name in encodings.ENCODINGS}
    failed: dict[str, str] = {}
    for number in range(1, options.runs + 1):
        for name in encodings.ENCODINGS:
            try:
                taken[name].append(encodings.run(name, **size))
            except Exception as error:  # noqa: BLE001  # said here, in the table and by the exit code
                traceback.print_exc()
                failed[name] = f"run {number} failed: {error}"
    return {name: summed(runs) for name, runs in taken.items()}, failed


def _write(report: dict[str, Any], plan: Plan, folder: Path | None, name: str) -> None:
    folder = folder or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    tables = markdown(report["sides"], plan.sizes, report["left_out"])
    if report["encodings"]:
        tables += "\n\n" + encodings_table(report["encodings"])
    (folder / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / f"{name}.md").write_text(tables + "\n")
    print(json.dumps(report["machine"]), tables, sep="\n")


@contextmanager
def _many_files(connections: int) -> Iterator[None]:
    """Room for so many connections, for us and the servers that we start. `SystemExit` where there is not enough."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE
    if before[1] < wanted:
        raise SystemExit(f"{connections} connections need {wanted} open files, and `ulimit -Hn` is {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], wanted), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it ends what it has started
    sys.exit(main())
