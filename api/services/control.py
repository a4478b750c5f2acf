"""Control: pause, resume, cancel. A command is journaled when it is received and again when it takes effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from api.access.principals import require
from api.domain.event import Draft, EventType
from api.domain.lifecycle import Command, Status, after
from api.domain.permission import Action, Principal
from api.domain.task import Task
from api.errors import Conflict, NotFound
from api.ports import Store, Transaction
from api.services.publish import Commit, Publisher

_REACHED = {Command.PAUSE: Status.PAUSED, Command.RESUME: Status.RUNNING, Command.CANCEL: Status.CANCELLED}
_RECEIVED = {Command.PAUSE: "pausing", Command.RESUME: "resuming", Command.CANCEL: "cancelling"}


class Controller:
    def __init__(self, store: Store, publisher: Publisher, wake: Callable[[], None]) -> None:
        """`wake` makes the dispatcher pass pending commands on."""
        self._store = store
        self._publisher = publisher
        self._wake = wake

    def control(self, principal: Principal, task_id: str, command: Command) -> Task:
        """The task with the command received; asking twice is no error.

        `Conflict` where the lifecycle has no such transition, `NotFound`, `Forbidden`.
        """
        commit = self._store.write(lambda tx: self.within(tx, principal, task_id, command))
        self._publisher.ring(commit)
        self._wake()
        return commit.task

    def within(
        self, tx: Transaction, principal: Principal, task_id: str, command: Command, why: Sequence[Draft] = ()
    ) -> Commit:
        """The same inside a transaction of the caller's, who rings after the commit.

        `why`: events that come before the command's own, if it changes anything.
        """
        task = tx.task(task_id)
        if task is None:
            raise NotFound()
        require(principal, Action.CONTROL, task)
        if _is_there(task, command):
            return Commit(task, ())
        said, pending = _received(task, command)
        return self._publisher.within(tx, task, [*why, said], also=lambda it: replace(it, pending_command=pending))


def _received(task: Task, command: Command) -> tuple[Draft, str | None]:
    """The event by which the task receives the command, and which one is pending then."""
    if task.pending_command == Command.PAUSE and command is Command.RESUME:
        return _status(task, task.status, "pause withdrawn"), None
    target = after(task.status, command)
    if task.pending_command == Command.CANCEL:
        raise Conflict(f"the task is being cancelled: it cannot {command} any more")
    if task.status is Status.PENDING:
        return _status(task, target, "cancelled before it started"), task.pending_command
    if task.lease_id is None:
        return _without_worker(task, command), task.pending_command
    return _status(task, task.status, _RECEIVED[command]), str(command)


def _without_worker(task: Task, command: Command) -> Draft:
    """A paused task whose worker went with an earlier server, or one that runs elsewhere."""
    if task.status is Status.RUNNING and command is not Command.CANCEL:
        raise Conflict(f"the task runs elsewhere: it can be cancelled, but cannot {command} from here")
    if command is Command.CANCEL:
        return _status(task, Status.CANCELLED, "cancelled")
    return _status(task, Status.PENDING, "resuming: waiting for a free worker")


def _is_there(task: Task, command: Command) -> bool:
    """Whether the task is, or is already on its way, where `command` leads."""
    if task.pending_command is not None:
        return task.pending_command == command
    if command is Command.RESUME and task.status is Status.PENDING and task.started_at is not None:
        return True  # resumed already, and queued again
    return task.status is _REACHED[command]


def _status(task: Task, status: Status, message: str) -> Draft:
    return Draft(EventType.STATUS_CHANGE, {"status": str(status), "message": message, "attempt": task.attempt})
