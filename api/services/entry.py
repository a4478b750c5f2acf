"""Entry: new tasks come into the journal, each with its first event and with whom it waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from api.domain.dependency import Continuation, Follow, OnParentFailure, refers
from api.domain.event import Draft, Event, EventType, rfc3339
from api.domain.lifecycle import Status
from api.domain.permission import Action, Principal, allows
from api.domain.task import Task, begun
from api.errors import Flaw, InvalidInput
from api.ports import Clock, Transaction
from api.services.commit import Commit
from api.services.dependants import counted, waits

Place = Callable[[int], tuple[str | int, ...]]
"""Where the task of this number stands in what was sent."""


def enter(
    tx: Transaction, principal: Principal, tasks: Sequence[Task], clock: Clock, place: Place = lambda number: ()
) -> list[Commit]:
    """Write `tasks`, which may depend on each other and on older ones.

    `InvalidInput` for a parent that there is not, or that can never complete.
    """
    parents = _Parents(tx, principal, tasks)
    ready = [parents.joined(number, task, place) for number, task in enumerate(tasks)]
    if parents.flaws:
        raise InvalidInput(flaws=parents.flaws)
    at = clock()
    commits = [_begun(task, at, follow_up=task.id in parents.at_once) for task in ready]
    tx.add_tasks([commit.task for commit in commits], [commit.events[0] for commit in commits])
    for task_id in parents.at_once:
        tx.defer(Continuation(Follow.RESOLVE, task_id))
    return commits


class _Parents:
    """What is known of the parents: each is looked up once, however many children it has."""

    def __init__(self, tx: Transaction, principal: Principal, tasks: Sequence[Task]) -> None:
        self._tx = tx
        self._principal = principal
        self._known: dict[str, Status | None] = {task.id: Status.PENDING for task in tasks}
        self.flaws: list[Flaw] = []
        self.at_once: set[str] = set()
        """Tasks whose parents have all completed: they wait for their results alone."""

    def joined(self, number: int, task: Task, place: Place) -> Task:
        """`task` with those of its parents in `waiting_on` that have not completed."""
        if not task.depends_on:
            return task
        waiting = tuple(parent for parent in task.depends_on if self._waits(number, task, parent, place))
        if not waiting and refers(task.params):
            self.at_once.add(task.id)
            waiting = task.depends_on[-1:]
        return replace(task, waiting_on=waiting)

    def _waits(self, number: int, task: Task, parent: str, place: Place) -> bool:
        status = self._status(parent)
        if status is None:
            self._refuse(number, place, f"there is no task {parent!r:.80}")
        elif status in (Status.FAILED, Status.CANCELLED) and task.on_parent_failure is OnParentFailure.CANCEL:
            how = "failed" if status is Status.FAILED else "was cancelled"
            self._refuse(number, place, f"the task {parent} {how}: depend on its retry")
        return status is not Status.COMPLETED

    def _status(self, task_id: str) -> Status | None:
        if task_id not in self._known:
            task = self._tx.task(task_id)
            seen = task is not None and allows(self._principal, Action.VIEW, task)
            self._known[task_id] = task.status if task is not None and seen else None
        return self._known[task_id]

    def _refuse(self, number: int, place: Place, message: str) -> None:
        self.flaws.append(Flaw((*place(number), "depends_on"), message))


def _begun(task: Task, at: datetime, *, follow_up: bool) -> Commit:
    event = Event(task.id, 1, EventType.STATUS_CHANGE, _first(task).data, at)
    return Commit(begun(task, event), (event,), follow_up=follow_up)


def _first(task: Task) -> Draft:
    if task.waiting_on:
        return waits(task, f"waiting for {counted(len(task.waiting_on))} that it depends on")
    if task.due_at is not None:
        message = f"waiting until {rfc3339(task.due_at)}"
    else:
        message = "waiting for a free worker" if task.status is Status.PENDING else "reported from elsewhere"
    data = {"status": str(task.status), "message": message, "attempt": task.attempt}
    return Draft(EventType.STATUS_CHANGE, data)
