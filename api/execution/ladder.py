"""Stopping a child that may not want to: ask, SIGTERM, SIGKILL, each with a deadline. Pure: time comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Plan = Mapping["Step", float]
"""Seconds from now until each step."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that each stage of an attempt may take. Asking, SIGTERM and SIGKILL together stay below 15."""

    start: float = 30.0
    """From the spawn until the child listens."""
    cooperative: float = 5.0
    """From the request to stop until SIGTERM."""
    terminate: float = 3.0
    """From SIGTERM until SIGKILL."""
    kill: float = 3.0
    """From SIGKILL until the process is given up: only one that hangs in the kernel gets there."""
    exit: float = 3.0
    """From the child's last word until SIGTERM."""
    shutdown: float = 1.0
    """In place of `cooperative` and `terminate` when the server stops or the lease is lost."""


class Step(StrEnum):
    ASK = "ask"
    TERMINATE = "terminate"
    KILL = "kill"
    GIVE_UP = "give up"


def gentle(deadlines: Deadlines) -> Plan:
    """For a cancel and for a time limit."""
    return _plan(0, deadlines.cooperative, deadlines.terminate, deadlines.kill)


def hasty(deadlines: Deadlines) -> Plan:
    """For the end of the server and for a lost lease."""
    return _plan(0, deadlines.shutdown, deadlines.shutdown, deadlines.kill)


def departing(deadlines: Deadlines) -> Plan:
    """For a child that has said its last word: nothing is asked of it any more."""
    plan = dict(_plan(0, deadlines.exit, deadlines.terminate, deadlines.kill))
    del plan[Step.ASK]
    return plan


def at_once(deadlines: Deadlines) -> Plan:
    """For a child that does not keep to the protocol."""
    return {Step.KILL: 0, Step.GIVE_UP: deadlines.kill}


def _plan(ask: float, cooperative: float, terminate: float, kill: float) -> Plan:
    killed = ask + cooperative + terminate
    return {Step.ASK: ask, Step.TERMINATE: ask + cooperative, Step.KILL: killed, Step.GIVE_UP: killed + kill}


class Ladder:
    """The steps that are still to come. A second reason to stop can only make them sooner."""

    def __init__(self) -> None:
        self._due: dict[Step, float] = {}
        self._taken: set[Step] = set()

    def begin(self, plan: Plan, now: float) -> None:
        """Climb by `plan`, from now on."""
        for step, delay in plan.items():
            if step not in self._taken:
                self._due[step] = min(self._due.get(step, now + delay), now + delay)

    @property
    def next(self) -> float | None:
        """When the next step is due; None while nobody wants to stop."""
        return min(self._due.values(), default=None)

    def climb(self, now: float) -> list[Step]:
        """The steps that are due, in order; each is taken once."""
        due = [step for step in Step if self._due.get(step, now + 1) <= now]
        for step in due:
            del self._due[step]
        self._taken.update(due)
        return due


class TimeLimit:
    """Seconds that a task may run, without its pauses."""

    def __init__(self, seconds: float | None, now: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._since: float | None = now

    @property
    def due(self) -> float | None:
        """When the time is over; None without a limit or while paused."""
        return None if self._left is None or self._since is None else self._since + self._left

    def pause(self, now: float) -> None:
        if self._left is not None and self._since is not None:
            self._left -= now - self._since
        self._since = None

    def resume(self, now: float) -> None:
        if self._since is None:
            self._since = now

    def lift(self) -> None:
        """The work is done, or stopped for another reason."""
        self._left = None
