"""A workload that does not want to end, each kind in its own way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Literal

from api.workloads import Context, Workload
from runcast_test_workloads.bad import RESTING
from runcast_test_workloads.good import Params

MOST = 150


class Cling(Params):
    kind: Literal["session", "daemon", "stopped", "computing", "blocked", "breeding"]


def run_cling(params: Cling, ctx: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _KINDS[params.kind](ctx)


def _session(ctx: Context) -> None:
    """With a child in a session of its own, as deaf as itself."""
    child = subprocess.Popen([sys.executable, "-c", RESTING], start_new_session=True)
    _wait_with(ctx, child.pid)


def _daemon(ctx: Context) -> None:
    """With a grandchild whose parent has ended, in a session of its own, and with nothing of ours open."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        pid = os.fork()
        if pid:
            os.write(write, str(pid).encode())
            os._exit(0)
        os.closerange(0, 256)
        while True:
            time.sleep(3600)
    os.wait()
    _wait_with(ctx, int(os.read(read, 20)))


def _stopped(ctx: Context) -> None:
    ctx.log(f"pids {os.getpid()}")
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGSTOP)


def _computing(ctx: Context) -> None:
    """In C, with the interpreter's lock: no other thread gets a turn."""
    ctx.log(f"pids {os.getpid()}")
    time.sleep(0.1)
    sum(range(10**14))


def _blocked(ctx: Context) -> None:
    """In a read of what nobody writes."""
    read, _ = os.pipe()
    ctx.log(f"pids {os.getpid()}")
    os.read(read, 1)


def _breeding(ctx: Context) -> None:
    """Starting one child after the other while it is being killed."""
    ctx.log(f"pids {os.getpid()}")
    for _ in range(MOST):
        subprocess.Popen(["sleep", "3600"], start_new_session=True)
        time.sleep(0.1)
    time.sleep(3600)


def _wait_with(ctx: Context, pid: int) -> None:
    ctx.log(f"pids {os.getpid()} {pid}")
    while True:
        time.sleep(3600)


_KINDS: dict[str, Callable[[Context], None]] = {
    "session": _session,
    "daemon": _daemon,
    "stopped": _stopped,
    "computing": _computing,
    "blocked": _blocked,
    "breeding": _breeding,
}

cling = Workload("test-cling", "Does not want to end", Cling, run_cling)
