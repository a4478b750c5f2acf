"""Workloads that leave something behind in their process, look for it, or take more than they should."""

from __future__ import annotations

import io
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from api.workloads import Context, Workload
from runcast_test_workloads.bad import RESTING
from runcast_test_workloads.good import Noop, Params

if os.environ.get("RUNCAST_WORKER") and os.environ.get("TEST_DIES_OF_IMPORT"):
    os._exit(7)  # what a broken C extension does to every worker that imports it


class Litter(Params):
    kind: Literal["folder", "environment", "lists", "signal", "logging", "umask", "seed", "thread", "process", "daemon",
                  "stdout", "file", "checkpoint"]  # fmt: skip


def run_litter(params: Litter, ctx: Context) -> Mapping[str, Any]:
    _LITTER[params.kind](ctx)
    return {"pid": os.getpid()}


def _environment(ctx: Context) -> None:
    os.environ["LITTER"] = "left"
    del os.environ["PATH"]


def _lists(ctx: Context) -> None:
    sys.path.insert(0, "/litter")
    sys.argv.append("litter")


def _signal(ctx: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0.5)  # its default would kill the next task


def _logging(ctx: Context) -> None:
    logging.getLogger().handlers.clear()
    logging.getLogger().setLevel(logging.CRITICAL)
    logging.disable(logging.CRITICAL)


def _thread(ctx: Context) -> None:
    def talk() -> None:
        while True:
            ctx.log("I am still here")
            time.sleep(0.01)

    threading.Thread(target=talk, daemon=True).start()


def _process(ctx: Context) -> None:
    pid = subprocess.Popen([sys.executable, "-c", RESTING], stdout=subprocess.DEVNULL).pid
    ctx.log(f"pids {pid}")


def _daemon(ctx: Context) -> None:
    """Its parent ends at once, it has a session of its own and nothing of the worker's but its environment."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(write, str(pid).encode())
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.closerange(0, 256)
        time.sleep(3600)
    os.wait()
    ctx.log(f"pids {os.read(read, 20).decode()}")
    os.close(read)
    os.close(write)


def _stdout(ctx: Context) -> None:
    sys.stdout = io.StringIO()


_LITTER: dict[str, Callable[[Context], object]] = {
    "folder": lambda ctx: os.chdir("/tmp"),
    "environment": _environment,
    "lists": _lists,
    "signal": _signal,
    "logging": _logging,
    "umask": lambda ctx: os.umask(0o777),
    "seed": lambda ctx: random.seed(1),
    "thread": _thread,
    "process": _process,
    "daemon": _daemon,
    "stdout": _stdout,
    "file": lambda ctx: Path("left.txt").write_text("left"),
    "checkpoint": lambda ctx: ctx.save(b"left"),
}

litter = Workload("test-litter", "Leaves something behind", Litter, run_litter)


def run_look(params: Noop, ctx: Context) -> Mapping[str, Any]:
    logging.getLogger("look").warning("seen")
    print("printed")
    time.sleep(0.6 if signal.getitimer(signal.ITIMER_REAL)[0] else 0)
    random_number = random.random()
    umask = os.umask(0o022)
    os.umask(umask)
    return {
        "pid": os.getpid(),
        "folder": Path.cwd() == ctx.artifact_dir,
        "environment": [os.environ.get("LITTER"), "PATH" in os.environ],
        "lists": ["/litter" in sys.path, "litter" in sys.argv],
        "signal": str(signal.getsignal(signal.SIGTERM)),
        "umask": umask,
        "seed": random_number == random.Random(1).random(),
        "restored": ctx.restored is not None,
        "files": sorted(path.name for path in ctx.artifact_dir.iterdir()),
    }


look = Workload("test-look", "Looks at what the one before has left", Noop, run_look)


class Take(Params):
    memory_mb: int = Field(0, ge=0)
    files: int = Field(0, ge=0)
    lines: int = Field(0, ge=0)


def run_take(params: Take, ctx: Context) -> Mapping[str, Any]:
    held = bytearray(params.memory_mb * 1024 * 1024)
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(params.files)]
    for number in range(params.lines):
        print(f"line {number:04}")
    for descriptor in files:
        os.close(descriptor)
    return {"pid": os.getpid(), "bytes": len(held), "files": len(files)}


take = Workload("test-take", "Takes memory, files or room in the log", Take, run_take)
