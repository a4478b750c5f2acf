"""After a worker process has ended: nothing that it started may live on."""

from __future__ import annotations

import signal
import time

from api.execution.process import ChildProcess
from api.execution.remains import Process, kill, remains
from api.runtime.base import Runtime

PATIENCE = 1.0
"""Seconds to insist: a killed process is gone in milliseconds, unless it hangs in the kernel."""
_LOOK = 3.0
"""Seconds that one look through /proc may take on a machine that is overrun."""
_PAUSE = 0.005


def sweep(child: ChildProcess, runtime: Runtime) -> list[Process]:
    """Kill what is left of the child's session until nothing is; tells what that was."""
    killed: dict[int, Process] = {}
    deadline = time.monotonic() + PATIENCE
    while found := _look(child, runtime):
        for process in found:
            killed[process.pid] = process
            kill(process.pid, signal.SIGKILL)
        child.signal_group(signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        runtime.sleep(_PAUSE)
    child.signal_group(signal.SIGKILL)  # where there is no /proc this is all that can be done
    return list(killed.values())


def _look(child: ChildProcess, runtime: Runtime) -> list[Process]:
    """`remains` in a real thread: on a machine with thousands of processes it takes longer than the hub may wait."""
    found: list[Process] = []
    done = runtime.waiter()

    def look() -> None:
        try:
            found.extend(remains(child.pid, child.mark))
        finally:
            done.set()

    runtime.start_native(look, "runcast-remains")
    done.wait(_LOOK)
    return [process for process in found if process.pid != child.pid]
