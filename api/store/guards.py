"""What every store refuses, in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

from api.domain.event import Event
from api.domain.task import Task
from api.errors import Conflict, NotFound, Unavailable

inside = ContextVar("inside", default=False)
"""True in a thread, or for the time, in which a store runs somebody's work."""


def must_be_outside() -> None:
    """Work that asks its own store for more would wait for itself."""
    if inside.get():
        raise RuntimeError("no read or write inside another one: use the transaction that was passed in")


def must_be_writable(writable: bool) -> None:
    if not writable:
        raise RuntimeError("a read cannot change anything: use Store.write")


def must_continue(task: Task, events: Sequence[Event]) -> int:
    """The seq that the journal must stand at for `events` to follow it and to end where `task` says."""
    previous = task.last_seq - len(events)
    for seq, event in enumerate(events, previous + 1):
        if event.seq != seq or event.task_id != task.id:
            raise Conflict(f"event {event.seq} of task {event.task_id} does not fit in at {seq} of {task.id}")
    return previous


def outrun(task: Task) -> Conflict:
    return Conflict(f"the journal of task {task.id} is not where this change starts from")


def exists(task: Task) -> Conflict:
    return Conflict(f"there is a task {task.id} already")


def key_used(key: str) -> Conflict:
    return Conflict(f"the idempotency key {key!r} is in use already")


def missing(task_id: str) -> NotFound:
    return NotFound(f"there is no task {task_id}")


def closed() -> Unavailable:
    return Unavailable("the store is closed")
