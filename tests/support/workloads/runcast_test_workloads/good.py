"""Workloads that end well."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.workloads import Context, InputFile, Workload

SLICE = 0.01
"""Seconds between two looks at `ctx.checkpoint` while a step takes its time."""


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


def rest(ctx: Context, seconds: float) -> None:
    """Let time pass, as a workload that waits for something should: it stays ready to pause and to stop."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ctx.checkpoint()
        time.sleep(min(SLICE, left))


class Noop(Params):
    """Nothing to choose."""


noop = Workload("test-noop", "Does nothing", Noop, lambda params, ctx: None)


class Steps(Params):
    n: int = Field(3, ge=0, le=1_000_000, description="How many steps")
    delay: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds for each step")
    label: str = "step"
    input: InputFile | None = None


def run_steps(params: Steps, ctx: Context) -> Mapping[str, Any]:
    for step in range(1, params.n + 1):
        ctx.checkpoint()
        rest(ctx, params.delay)
        ctx.log(f"{params.label} {step}")
        ctx.progress(step, params.n, f"{params.label} {step} of {params.n}")
        ctx.iteration(step, {"loss": 1 / step, "step": step})
    (ctx.artifact_dir / "steps.txt").write_text(str(params.n))
    size = ctx.input_path(params.input).stat().st_size if params.input else None
    return {"steps": params.n, "result_dir": ctx.result_dir, "input_size": size}


steps = Workload("test-steps", "Takes steps", Steps, run_steps, "Reports each step.", {"n": 3})


class Ticks(Params):
    n: int = 100
    per_second: float = 100.0


def run_ticks(params: Ticks, ctx: Context) -> None:
    """Report at a steady rate the moment of each report, on the clock that every process of a machine shares."""
    start = time.monotonic()
    for tick in range(1, params.n + 1):
        time.sleep(max(0.0, start + tick / params.per_second - time.monotonic()))
        ctx.iteration(tick, {"sent": time.monotonic()})


ticks = Workload("test-ticks", "Reports at a steady rate", Ticks, run_ticks)


class Burn(Params):
    seconds: float = Field(1.0, ge=0, allow_inf_nan=False)


def run_burn(params: Burn, ctx: Context) -> Mapping[str, Any]:
    end = time.monotonic() + params.seconds
    turns = 0
    while time.monotonic() < end:
        turns += 1
    return {"turns": turns}


burn = Workload("test-burn", "Burns CPU time", Burn, run_burn, "In pure Python, without a checkpoint.")


class Flood(Params):
    n: int = 100_000


def run_flood(params: Flood, ctx: Context) -> Mapping[str, Any]:
    start = time.monotonic()
    for number in range(1, params.n + 1):
        ctx.progress(number, params.n)
    return {"seconds": time.monotonic() - start}


flood = Workload("test-flood", "Reports progress without end", Flood, run_flood)


class Print(Params):
    long: int = Field(200_000, description="Length of the very long line")


def run_print(params: Print, ctx: Context) -> None:
    print("from print")
    print("from stderr", file=sys.stderr)
    logging.getLogger("workload.part").warning("from %s", "logging")
    logging.info("first line\nsecond line")
    warnings.warn("from warnings", stacklevel=1)
    for percent in range(0, 101, 10):
        print(f"\r{percent:3}% done", end="", flush=True)
    print()
    print("x" * params.long)
    print("\x1b[31mred\x1b[0m and \x07bell")
    sys.stdout.flush()
    os.write(1, b"\xff\xfe binary \x00\x01 rubbish\n")
    print("the last line has no end", end="")


prints = Workload("test-print", "Says something in every way", Print, run_print)


class Result(Params):
    kind: Literal["nan", "huge", "object", "list", "numpy", "deep", "key", "metrics", "bad-metric"]


def run_result(params: Result, ctx: Context) -> Any:
    if params.kind == "metrics":
        ctx.iteration(1, {"loss": math.nan, "best": math.inf, "worst": -math.inf, "fine": 1.5})
        return None
    if params.kind == "bad-metric":
        ctx.iteration(1, {"loss": "low"})  # type: ignore[dict-item]  # the mistake that is to be told
    if params.kind == "numpy":
        import numpy

        return {"mean": numpy.float32(0.5), "count": numpy.int64(3), "row": numpy.arange(3)}
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"deeper": deep}
    return {
        "nan": {"final": {"loss": math.nan}, "best": [1.0, math.inf], "name": "x"},
        "huge": {"rows": ["y" * 100] * 2000},
        "object": {"model": object()},
        "list": [1, 2],
        "deep": deep,
        "key": {(1, 2): 3},
    }[params.kind]


result = Workload("test-result", "Returns odd results", Result, run_result)


class Counter(Params):
    upto: int = 10
    fail_at: int | None = Field(None, description="In the first attempt, exit here")
    delay: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds for each number")


def run_counter(params: Counter, ctx: Context) -> Mapping[str, Any]:
    start = json.loads(ctx.restored)["at"] if ctx.restored else 0
    for number in range(start + 1, params.upto + 1):
        ctx.save(json.dumps({"at": number}).encode())
        ctx.progress(number, params.upto)
        if ctx.attempt == 1 and number == params.fail_at:
            os._exit(9)
        rest(ctx, params.delay)
    return {"started_after": start, "at": params.upto, "folder": Path.cwd().name}


counter = Workload("test-counter", "Counts, and can go on where it was", Counter, run_counter)


class Announce(Params):
    count: int = Field(1, ge=0, le=1_000_000)
    rate: float | None = Field(None, gt=0, allow_inf_nan=False, description="Lines a second; as fast as they go")


def run_announce(params: Announce, ctx: Context) -> Mapping[str, Any]:
    from api.realtime import broadcast_alert, broadcast_log

    begun = time.monotonic()
    for number in range(params.count):
        broadcast_log("info", f"line {number}", "test-announce")
        if params.rate is not None and number % 100 == 99:
            time.sleep(max(0.0, begun + (number + 1) / params.rate - time.monotonic()))
    broadcast_alert("test", "From a task", f"after {params.count} lines", "info")
    return {"announced": params.count}


announce = Workload("test-announce", "Tells those who listen to topics", Announce, run_announce)
