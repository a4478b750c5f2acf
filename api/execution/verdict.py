"""The outcome of an attempt, out of what was asked, what was said and how the process ended."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from api.execution.messages import End
from api.ports import Ending, Outcome


class Reason(StrEnum):
    """Why the supervisor stopped a child."""

    CANCEL = "cancel"
    TIMEOUT = "time limit"
    SHUTDOWN = "shutdown"
    STALE = "lease lost"
    RUBBISH = "protocol"
    NO_START = "no start"
    DEPARTING = "departing"
    """Not stopped: it has said its last word, or closed its connection."""


@dataclass(slots=True)
class Facts:
    """What is known at the end of an attempt."""

    started: bool = False
    reasons: set[Reason] = field(default_factory=set)
    end: End | None = None
    rubbish: str = ""
    time_limit: float | None = None
    start_limit: float = 0.0
    exit_code: int | None = None
    """As `subprocess` has it: negative for a signal. None: it could not even be killed."""
    signalled: bool = False
    """It was this supervisor that ended the process."""
    undelivered: bool = False
    """Some of what it said was never committed, because the runner had to stop."""


def outcome(facts: Facts) -> Outcome:
    """What to tell the core. What was asked for first wins over how the child put up with it."""
    end = facts.end
    if Reason.STALE in facts.reasons or facts.undelivered:
        return Outcome(Ending.LOST, error="the task has been given to another worker or the runner was stopped")
    if end is not None and end.ending is Ending.COMPLETED and Reason.TIMEOUT not in facts.reasons:
        return Outcome(Ending.COMPLETED, result=end.result, files=end.files, saved=end.saved)
    for reason, made in _STOPPED.items():
        if reason in facts.reasons:
            return made(facts)
    if end is not None and end.ending is Ending.PAUSED:
        return Outcome(Ending.PAUSED)
    if end is not None:
        return Outcome(Ending.FAILED, error=end.error or "the workload ended without a reason", traceback=end.traceback)
    return Outcome(Ending.FAILED, error=_death(facts), died=True)


_STOPPED: dict[Reason, Callable[[Facts], Outcome]] = {
    Reason.CANCEL: lambda facts: Outcome(Ending.CANCELLED),
    Reason.TIMEOUT: lambda facts: Outcome(Ending.FAILED, error=f"timed out after {facts.time_limit:g} s"),
    Reason.SHUTDOWN: lambda facts: Outcome(Ending.LOST, error="the runner was stopped"),
    Reason.RUBBISH: lambda facts: Outcome(
        Ending.FAILED, error=f"the worker sent something that is not a report: {facts.rubbish}"
    ),
    Reason.NO_START: lambda facts: Outcome(
        Ending.FAILED, error=f"the worker process did not start within {facts.start_limit:g} s"
    ),
}

_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP"})


def _death(facts: Facts) -> str:
    code = facts.exit_code
    when = "finished" if facts.started else "started"
    if Reason.DEPARTING in facts.reasons and facts.signalled:
        return f"the worker process closed its connection before it {when}"
    if code is None:
        return "the worker process cannot be killed"
    if code >= 0:
        return f"the worker process exited with code {code} before it {when}"
    return _killed(signal_name(-code))


def _killed(name: str) -> str:
    if name in _CRASHES:
        return f"the worker process crashed with {name}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"the worker process was killed by {name}{hint}"


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; the number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
