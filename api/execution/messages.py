"""The messages of the two sides, and the strict reading of what a child says.

To the child: `{"do": "keep", "types", "memory"}` if it is to have more than one task, then for each of them
`{"do": "run", "assignment": {…}}` and `{"do": "pause" | "resume" | "cancel" | "shutdown"}`, at last `{"do": "leave"}`.
From it: `{"say": "warm"}` when the workloads of these types are imported, and for each task `{"say": "ready"}`,
`{"say": "event", "type", "data"}`, `{"say": "effect", "command"}`, `{"say": "mark", "number"}`, which is answered by
`{"do": "stored", "number"}` when all that was said before it is in the journal,
`{"say": "announce", "topic", "type", "fields", "owner", "throttle"}`, and, once,
`{"say": "end", "ending", "result", "error", "traceback", "files", "saved", "idle"}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.domain.announcement import Announcement
from api.domain.event import Draft, EventType
from api.execution import limits
from api.execution.announcing import read_announcement
from api.execution.channel import Message, NotAReport, decode, excerpt
from api.ports import Assignment, Ending

RUN, KEEP, LEAVE, STORED = "run", "keep", "leave", "stored"
LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
NONFINITE = frozenset({"nan", "inf", "-inf"})


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has heard its assignment."""


@dataclass(frozen=True, slots=True)
class Warm:
    """The child has imported what it was told to, as far as that can be imported."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A command took effect: `paused` or `running`."""

    command: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The child waits until all that it said before this is stored."""

    number: int


@dataclass(frozen=True, slots=True)
class End:
    """How the workload ended, by the child's own word."""

    ending: Ending
    result: Mapping[str, Any] | None = None
    error: str = ""
    traceback: str | None = None
    files: bool = True
    """Whether there is something in the artefact folder."""
    saved: bool = True
    """Whether there is a checkpoint."""
    idle: bool = False
    """Whether the child has left nothing behind and is ready for another task."""

    def message(self) -> Message:
        return {
            "say": "end",
            "ending": str(self.ending),
            "result": self.result,
            "error": self.error,
            "traceback": self.traceback,
            "files": self.files,
            "saved": self.saved,
            "idle": self.idle,
        }


Report = Ready | Warm | Effect | Mark | End | Draft | Announcement


@dataclass(frozen=True, slots=True)
class Keep:
    """The order to be there for more than one task."""

    types: tuple[str, ...] = ()
    """Workloads to import ahead."""
    memory: int = 0
    """Bytes that the process may have at the end of a task and still be kept."""

    def message(self) -> Message:
        return {"do": KEEP, "types": list(self.types), "memory": self.memory}


def read_keep(message: Message) -> Keep:
    """The order in a keep message."""
    return Keep(tuple(message["types"]), message["memory"])


def run_message(assignment: Assignment) -> Message:
    """The order to start."""
    return {
        "do": RUN,
        "assignment": {
            "task_id": assignment.task_id,
            "lease_id": assignment.lease_id,
            "type": assignment.type,
            "params": dict(assignment.params),
            "attempt": assignment.attempt,
            "artifact_dir": str(assignment.artifact_dir),
            "result_dir": assignment.result_dir,
            "checkpoint_file": str(assignment.checkpoint_file),
            "input_dirs": [str(folder) for folder in assignment.input_dirs],
            "definition": assignment.definition,
            "memory_bytes": assignment.memory_bytes,
            "open_files": assignment.open_files,
            "shared_dir": None if assignment.shared_dir is None else str(assignment.shared_dir),
        },
    }


def read_assignment(message: Message) -> Assignment:
    """The assignment in a run message; the limits of time and output stay with the supervisor."""
    fields = dict(message["assignment"])
    fields["artifact_dir"] = Path(fields["artifact_dir"])
    fields["checkpoint_file"] = Path(fields["checkpoint_file"])
    fields["input_dirs"] = tuple(Path(folder) for folder in fields["input_dirs"])
    fields["shared_dir"] = None if fields["shared_dir"] is None else Path(fields["shared_dir"])
    return Assignment(**fields)


def read_report(line: bytes, attempt: int) -> Report:
    """What one line of a child says; `NotAReport` when it is anything else than the protocol allows."""
    message = decode(line)
    say = message.get("say")
    if say == "event":
        return _event(message, line, attempt)
    if say == "effect" and message.get("command") in ("paused", "running"):
        return Effect(message["command"])
    if say == "mark" and _is_count(message.get("number")):
        return Mark(message["number"])
    if say == "end":
        return _end(message, line)
    if say == "announce":
        return _announcement(message, line)
    if say == "ready":
        return Ready()
    if say == "warm":
        return Warm()
    raise NotAReport(excerpt(line))


def _event(message: Message, line: bytes, attempt: int) -> Draft:
    kind, data = message.get("type"), message.get("data")
    shape = _SHAPES.get(str(kind))
    if shape is None or not isinstance(data, dict) or not _fits(data, *shape):
        raise NotAReport(excerpt(line))
    if len(line) > limits.EVENT:
        raise NotAReport(f"an event of {len(line):,} bytes, more than {limits.EVENT:,}")
    stamped = data if kind == EventType.LOG else {"attempt": attempt, **data}
    return Draft(EventType(str(kind)), stamped)


def _announcement(message: Message, line: bytes) -> Announcement:
    told = read_announcement(message)
    if told is None or len(line) > limits.EVENT:
        raise NotAReport(excerpt(line))
    return told


def _end(message: Message, line: bytes) -> End:
    try:
        ending = Ending(message["ending"])
        result, error, traceback = message["result"], message["error"], message["traceback"]
        flags = [message[name] for name in ("files", "saved", "idle")]
    except (KeyError, ValueError, TypeError):
        raise NotAReport(excerpt(line)) from None
    if not (_is_object_or_none(result) and isinstance(error, str) and (traceback is None or _is_text(traceback))):
        raise NotAReport(excerpt(line))
    if not all(isinstance(flag, bool) for flag in flags):
        raise NotAReport(excerpt(line))
    return End(ending, result, error, traceback, *flags)


# -- shapes: field → test ------------------------------------------------------------------------------

Test = Callable[[Any], bool]


def _fits(data: Mapping[str, Any], required: Mapping[str, Test], optional: Mapping[str, Test]) -> bool:
    if not required.keys() <= data.keys() <= required.keys() | optional.keys():
        return False
    return all((required.get(name) or optional[name])(value) for name, value in data.items())


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object_or_none(value: Any) -> bool:
    return value is None or isinstance(value, dict)


_SHAPES: dict[str, tuple[dict[str, Test], dict[str, Test]]] = {
    EventType.PROGRESS: (
        {
            "current_iteration": _is_count,
            "max_iterations": lambda value: value is None or _is_count(value),
            "progress_percent": lambda value: _is_number(value) and 0 <= value <= 100,
        },
        {"message": _is_text, "eta_seconds": lambda value: _is_number(value) and value >= 0},
    ),
    EventType.ITERATION_COMPLETE: (
        {
            "iteration": lambda value: type(value) is int,
            "metrics": lambda value: (
                isinstance(value, dict) and all(x is None or _is_number(x) for x in value.values())
            ),
        },
        {"nonfinite": lambda value: isinstance(value, dict) and NONFINITE.issuperset(map(str, value.values()))},
    ),
    EventType.LOG: (
        {"level": lambda value: _is_text(value) and value in LEVELS, "message": _is_text},
        {"logger": _is_text},
    ),
}
