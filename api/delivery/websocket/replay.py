"""What a plain connection is told again: every event after a seq, from where the task stood then."""

from __future__ import annotations

from dataclasses import dataclass

from api.delivery.dialects.course import Course, beginning, followed
from api.domain.permission import Principal
from api.services.query import History, Queries


@dataclass(frozen=True, slots=True)
class Replay:
    since: int
    course: Course
    """Where the task stood after the event `since`."""


def replay_of(queries: Queries, principal: Principal, history: History, since: int | None) -> Replay | None:
    """None where nothing was asked for, or what was is not stored any more: then it begins with the present."""
    if since is None or not history.holds(since, None):
        return None
    course = beginning(history.task)
    for event in queries.state_at(principal, history.task.id, since):
        course = followed(course, event)
    return Replay(since, course)
