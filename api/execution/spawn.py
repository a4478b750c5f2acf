"""Starting a worker process: its environment, its descriptors, its session."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from selectors import BaseSelector

from api.execution.process import ChildProcess, Ears
from api.execution.remains import MARK

Spawn = Callable[[], ChildProcess]
"""Hands out a worker process that waits for its assignment: a fresh one, or a warm one of a pool."""

_ROOT = Path(__file__).resolve().parents[2]
"""The folder from which `api` is imported, installed or not."""


def spawn_worker(selector: Callable[[], BaseSelector], python: str = sys.executable) -> ChildProcess:
    """A fresh worker process, in a session of its own. `OSError` when the machine has no room for one.

    Started by `subprocess` without code of ours between fork and exec, which makes it a vfork: its cost does
    not grow with the server's memory.
    """
    mark = secrets.token_hex(16)
    # Everything that can fail for want of descriptors is made before the process, and given back if it fails.
    with ExitStack() as ours, ExitStack() as theirs:
        near, far = socket.socketpair()
        ours.callback(near.close)
        theirs.callback(far.close)
        woken, waker = socket.socketpair()
        ours.callback(woken.close)
        ours.callback(waker.close)
        stdout, far_stdout = _pipe(ours, theirs)
        stderr, far_stderr = _pipe(ours, theirs)
        ears = Ears(near, stdout, stderr, woken, waker, ours.enter_context(selector()))
        popen = _popen(python, far.fileno(), far_stdout, far_stderr, mark)
        ours.pop_all()
    return ChildProcess(popen, ears, mark)


def _pipe(ours: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ours.callback(os.close, read)
    theirs.callback(os.close, write)
    return read, write


def _popen(python: str, descriptor: int, stdout: int, stderr: int, mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [python, "-m", "api.worker", str(descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=(descriptor,),
        start_new_session=True,
        cwd=_ROOT,  # `-m` looks there first; the worker goes to the task's folder when it gets one
        env=worker_environment(os.environ) | {MARK: mark},
    )


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The server's environment without its settings: secrets and addresses are not for the code of tasks."""
    return {name: value for name, value in environment.items() if not name.startswith("RUNCAST_")}
