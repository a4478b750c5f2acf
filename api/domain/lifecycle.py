"""The lifecycle of a task: one table, state × command → state, and the only place that knows it."""

from __future__ import annotations

from enum import StrEnum

from api.errors import Conflict


class Status(StrEnum):
    """Where a task stands. The last three are terminal and never change."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class Command(StrEnum):
    """What may happen to a task, whoever asks for it."""

    START = "start"
    """A worker takes it."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"
    REQUEUE = "requeue"
    """Its worker is gone, or an attempt failed and another one is due."""


TRANSITIONS: dict[Status, dict[Command, Status]] = {
    Status.PENDING: {
        Command.START: Status.RUNNING,
        Command.CANCEL: Status.CANCELLED,
        Command.FAIL: Status.FAILED,
    },
    Status.RUNNING: {
        Command.PAUSE: Status.PAUSED,
        Command.CANCEL: Status.CANCELLED,
        Command.COMPLETE: Status.COMPLETED,
        Command.FAIL: Status.FAILED,
        Command.REQUEUE: Status.PENDING,
    },
    Status.PAUSED: {
        Command.RESUME: Status.RUNNING,
        Command.CANCEL: Status.CANCELLED,
        Command.COMPLETE: Status.COMPLETED,
        Command.FAIL: Status.FAILED,
        Command.REQUEUE: Status.PENDING,
    },
    Status.COMPLETED: {},
    Status.FAILED: {},
    Status.CANCELLED: {},
}


def after(status: Status, command: Command) -> Status:
    """The state that `command` leads to; `Conflict` where the table has no such transition."""
    try:
        return TRANSITIONS[status][command]
    except KeyError:
        raise Conflict(f"a {status} task cannot {_VERBS[command]}") from None


def leads_to(status: Status, target: Status) -> bool:
    """Whether one transition goes from `status` to `target`."""
    return target in TRANSITIONS[status].values()


_VERBS = {
    Command.START: "be started",
    Command.PAUSE: "be paused",
    Command.RESUME: "be resumed",
    Command.CANCEL: "be cancelled",
    Command.COMPLETE: "complete",
    Command.FAIL: "fail",
    Command.REQUEUE: "be queued again",
}
