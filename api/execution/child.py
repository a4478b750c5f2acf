"""The child process: hears commands in one thread, runs the workload in the main one, says how it ended."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from api.domain.workload import Workload
from api.errors import TaskPaused
from api.execution import endings, limits
from api.execution.capture import capture
from api.execution.channel import Channel
from api.execution.context import ChildContext
from api.execution.gate import Gate
from api.execution.messages import RUN, End, read_assignment
from api.execution.outlet import Outlet
from api.execution.remains import end_session
from api.ports import Assignment
from api.workloads.registry import load_workload, parse_params


def serve(descriptor: int) -> None:
    """Run one assignment that comes over the socket `descriptor`, then return."""
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    sock.setblocking(True)  # under eventlet the server has made it otherwise
    channel = Channel(sock, limit=limits.COMMAND_LINE)
    outlet = Outlet(channel.send)
    gate = Gate(lambda effect: outlet.message({"say": "effect", "command": effect}), outlet.skip)
    capture(outlet)
    orders = _listen(channel, gate)
    channel.send({"say": "ready"})
    end = perform(orders.get(), outlet, gate)
    _flush_output()
    outlet.message(end.message())


def perform(assignment: Assignment, outlet: Outlet, gate: Gate) -> End:
    """Run the workload of `assignment` to its end, whatever that is."""
    try:
        os.chdir(assignment.artifact_dir)  # what is written by a relative name is an artefact
        ctx = ChildContext(assignment, outlet, gate)
        workload, params = _prepare(assignment)
    except Exception as error:  # noqa: BLE001 - each has its sentence, and the process ends here
        return endings.unprepared(error)
    try:
        ctx.checkpoint()  # cancelled while it was being imported
        result = workload.run(params, ctx)
    except BaseException as error:  # noqa: BLE001 - the same; SystemExit is one of them
        if gate.stopped:
            return endings.stopped(error)
        return endings.paused() if gate.left and isinstance(error, TaskPaused) else endings.failed(error)
    # One that was told to stop, or to leave, and returned in good order has done so all the same.
    if gate.stopped:
        return endings.cancelled()
    return endings.paused() if gate.left else endings.returned(result, ctx)


def _prepare(assignment: Assignment) -> tuple[Workload, Any]:
    workload = load_workload(assignment.type, assignment.definition)
    return workload, parse_params(workload, assignment.params, assignment.input_dirs)


def _listen(channel: Channel, gate: Gate) -> queue.SimpleQueue[Assignment]:
    """Where the assignments of the run messages arrive, from a thread that hears them and everything else."""
    orders: queue.SimpleQueue[Assignment] = queue.SimpleQueue()

    def hear() -> None:
        try:
            for message in channel.receive():
                if message["do"] == RUN:
                    orders.put(read_assignment(message))
                else:
                    gate.ask(message["do"])
        finally:  # the server is gone, or speaks another protocol: nobody waits for this work any more
            end_session()

    threading.Thread(target=hear, name="runcast-commands", daemon=True).start()
    return orders


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed or replaced by the workload: its own business
            stream.flush()
