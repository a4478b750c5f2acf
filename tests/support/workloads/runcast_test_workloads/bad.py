"""Workloads that end badly, each in its own way."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from api.errors import InvalidInput, TaskCancelled
from api.workloads import Context, Workload
from runcast_test_workloads.good import Noop, Params

RESTING = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"


class Raise(Params):
    kind: Literal["ValueError", "InvalidInput", "MemoryError", "SystemExit", "TaskCancelled", "long", "recursion"] = (
        "ValueError"
    )
    message: str = "no such luck"


def run_raise(params: Raise, ctx: Context) -> None:
    ctx.progress(1, 10)
    if params.kind == "long":
        raise ValueError("z" * 200_000)
    if params.kind == "recursion":
        run_raise(params, ctx)
    known = {"InvalidInput": InvalidInput, "TaskCancelled": TaskCancelled, "ValueError": ValueError}
    raise {**known, "MemoryError": MemoryError, "SystemExit": SystemExit}[params.kind](params.message)


raises = Workload("test-raise", "Raises an exception", Raise, run_raise)


class Exit(Params):
    code: int = 3


def run_exit(params: Exit, ctx: Context) -> None:
    print("last words", flush=True)
    os._exit(params.code)


exits = Workload("test-exit", "Exits without a word", Exit, run_exit)


def run_kill(params: Noop, ctx: Context) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


kills = Workload("test-kill", "Kills itself", Noop, run_kill)


def run_segfault(params: Noop, ctx: Context) -> None:
    print("before the crash")
    ctypes.string_at(0)


segfault = Workload("test-segfault", "Reads at address 0", Noop, run_segfault)


class Rubbish(Params):
    kind: Literal["text", "long", "event", "nan"] = "text"


def run_rubbish(params: Rubbish, ctx: Context) -> None:
    written = {
        "text": b"GET / HTTP/1.1\r\n\r\n",
        "long": b"x" * (2 * 1024 * 1024),
        "event": b'{"say":"event","type":"status_change","data":{"status":"completed"}}\n',
        "nan": b'{"say":"event","type":"iteration_complete","data":{"iteration":1,"metrics":{"a":NaN}}}\n',
    }[params.kind]
    while written:
        written = written[os.write(protocol_descriptor(), written) :]
    time.sleep(3600)


def protocol_descriptor() -> int:
    """The only socket above stderr."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            if int(name) > 2 and os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return int(name)
    raise RuntimeError("no socket")


rubbish = Workload("test-rubbish", "Writes garbage to its supervisor", Rubbish, run_rubbish)


class Stubborn(Params):
    sleep: bool = False


def run_stubborn(params: Stubborn, ctx: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.log("deaf")
    while True:
        if params.sleep:
            time.sleep(0.05)
        with suppress(TaskCancelled):
            ctx.checkpoint()


stubborn = Workload("test-stubborn", "Ignores every request to stop", Stubborn, run_stubborn)


class Children(Params):
    kind: Literal["group", "session"] = "group"
    n: int = 2
    wait: bool = False


def run_children(params: Children, ctx: Context) -> Mapping[str, Any]:
    """`group`: in the worker's process group; `session`: each in a session of its own."""
    command = [sys.executable, "-c", RESTING]
    pids = [
        subprocess.Popen(command, start_new_session=params.kind != "group", stdout=subprocess.DEVNULL).pid
        for _ in range(params.n)
    ]
    ctx.log("pids " + " ".join(map(str, pids)))
    while params.wait:
        time.sleep(0.05)
    return {"pids": pids}


children = Workload("test-children", "Leaves processes behind", Children, run_children)
