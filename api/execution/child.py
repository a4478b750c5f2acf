"""The child process: hears commands in one thread, runs workloads in the main one, says how each ended."""

from __future__ import annotations

import gc
import os
import queue
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from api.domain.workload import Workload
from api.errors import TaskPaused, WorkloadError
from api.execution import announcing, endings, limits, traces
from api.execution.capture import capture
from api.execution.channel import Channel
from api.execution.context import ChildContext
from api.execution.gate import Gate
from api.execution.messages import KEEP, LEAVE, RUN, STORED, End, Keep, read_assignment, read_keep
from api.execution.outlet import Outlet
from api.execution.remains import end_session
from api.execution.traces import Traces
from api.ports import Assignment, Ending
from api.workloads.registry import load_workload, parse_params


@dataclass(frozen=True, slots=True)
class _Job:
    assignment: Assignment
    gate: Gate


def serve(descriptor: int) -> None:
    """Run what comes over the socket `descriptor`: one task, or, when told to be kept, one after the other."""
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    sock.setblocking(True)  # under eventlet the server has made it otherwise
    channel = Channel(sock, limit=limits.COMMAND_LINE)
    outlet = Outlet(channel.send)
    capture(outlet)
    announcing.connect(outlet.message)
    traces.subreaper()
    orders = _listen(channel, outlet)
    kept: Keep | None = None
    load = _Loader()
    while (order := orders.get()) is not None:
        if isinstance(order, Keep):
            kept = order
            load.ahead(order.types)
            channel.send({"say": "warm"})
            continue
        end = perform(order.assignment, outlet, order.gate, load, kept)
        _flush_output()
        outlet.message(end.message())
        if not end.idle:
            return


def perform(assignment: Assignment, outlet: Outlet, gate: Gate, load: _Loader, kept: Keep | None) -> End:
    """Run the workload of `assignment` to its end, whatever that is; idle after it if it may and can be."""
    outlet.renew()
    try:
        ctx = ChildContext(assignment, outlet, gate)
        workload = load(assignment)
        before = Traces()
        assignment.artifact_dir.mkdir(parents=True, exist_ok=True)
        os.chdir(assignment.artifact_dir)  # what is written by a relative name is an artefact
        params = parse_params(workload, assignment.params, assignment.input_dirs)
        traces.limit(assignment.memory_bytes, assignment.open_files)
    except Exception as error:  # noqa: BLE001 - each has its sentence, and the process ends here
        return endings.unprepared(error)
    end = _run(workload, params, ctx, gate)
    idle = kept is not None and end.ending is Ending.COMPLETED and before.removed() and traces.memory() <= kept.memory
    return replace(end, files=not _removed(assignment.artifact_dir), saved=gate.can_leave, idle=idle)


def _removed(folder: Path) -> bool:
    """Whether the folder was empty, and is gone."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _run(workload: Workload, params: Any, ctx: ChildContext, gate: Gate) -> End:
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


class _Loader:
    """Each installed workload is found once: a look through what is installed takes longer than a short task."""

    def __init__(self) -> None:
        self._loaded: dict[str, Workload] = {}

    def __call__(self, assignment: Assignment) -> Workload:
        if assignment.definition is not None:
            return load_workload(assignment.type, assignment.definition)
        return self._installed(assignment.type)

    def ahead(self, types: Sequence[str]) -> None:
        """Have these ready. One that cannot be imported says so in its own task."""
        before = dict(os.environ)
        for type_ in types:
            try:
                workload = self._installed(type_)
                if workload.warm_up is not None:
                    workload.warm_up()
            except WorkloadError:
                continue
            except Exception as error:  # noqa: BLE001 - a stranger's imports: the supervisor logs what is printed here
                print(f"the workload {type_!r} could not be prepared: {type(error).__name__}: {error}", file=sys.stderr)
        os.environ.clear()  # what they set for their own libraries is not for the commands that other tasks run
        os.environ.update(before)
        gc.collect()
        gc.freeze()  # what is imported stays: nobody need look through it again

    def _installed(self, type_: str) -> Workload:
        if type_ not in self._loaded:
            self._loaded[type_] = load_workload(type_)
        return self._loaded[type_]


def _listen(channel: Channel, outlet: Outlet) -> queue.SimpleQueue[_Job | Keep | None]:
    """Where the orders arrive, from a thread that hears them and what each task is told."""
    orders: queue.SimpleQueue[_Job | Keep | None] = queue.SimpleQueue()

    def hear() -> None:
        gate = Gate(lambda effect: None)
        try:
            for message in channel.receive():
                if message["do"] == RUN:
                    gate = Gate(lambda effect: outlet.message({"say": "effect", "command": effect}), outlet.skip)
                    channel.send({"say": "ready"})
                    orders.put(_Job(read_assignment(message), gate))
                elif message["do"] == KEEP:
                    orders.put(read_keep(message))
                elif message["do"] == STORED:
                    outlet.stored(message["number"])
                elif message["do"] == LEAVE:
                    orders.put(None)
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
