"""The stream of one task: stored events first, then live ones, then the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.delivery.dialects.sse import HEARTBEAT, block, event_block
from api.delivery.hub import Hub
from api.delivery.sse.member import PullMember
from api.domain.event import Event
from api.domain.permission import Principal
from api.runtime.base import Runtime
from api.services.query import History, Queries

HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a reader says it stands: events with seq > `since`, of the journal `epoch` if it knows it."""

    since: int
    epoch: str | None = None


class TaskStream:
    def __init__(self, hub: Hub, queries: Queries, runtime: Runtime) -> None:
        self._hub = hub
        self._queries = queries
        self._runtime = runtime

    def open(self, principal: Principal, task_id: str, resume: Resume | None) -> Iterator[str] | None:
        """The blocks of the stream; None when a reader resumes at the end: there is nothing more, ever.

        `NotFound` is raised here and not in the middle of the stream.
        """
        present = self._queries.present(principal, task_id)
        task = present.task
        possible = resume is not None and resume.since <= task.last_seq and resume.epoch in (None, present.epoch)
        if resume is not None and possible and task.terminal and resume.since == task.last_seq:
            return None
        return self._blocks(present, resume if possible else None, reset=resume is not None and not possible)

    def _blocks(self, present: History, resume: Resume | None, *, reset: bool) -> Iterator[str]:
        epoch, task = present.epoch, present.task
        cursor = resume.since if resume else task.last_seq
        if reset:
            yield block("reset", {"task_id": task.id, "last_seq": task.last_seq, "epoch": epoch})
        if resume is None:
            for event in present.events:
                yield event_block(event, epoch)
        if resume is None and task.terminal:
            yield _end(task.id)
            return
        for news in self._events(task.id, cursor):
            yield event_block(news, epoch) if news else HEARTBEAT
            if news is not None and news.terminal:
                yield _end(task.id)

    def _events(self, task_id: str, cursor: int) -> Iterator[Event | None]:
        """Every event after `cursor` until the terminal one; None when it is time for a heartbeat."""
        member = PullMember(self._runtime)
        feed = self._hub.join(task_id, None, member)
        if feed is None:
            return
        try:
            while True:
                events = member.next(self._hub, feed, cursor, HEARTBEAT_SECONDS)
                if not events:
                    yield None
                for event in events:
                    cursor = event.seq
                    yield event
                    if event.terminal:
                        return
        finally:
            self._hub.leave(feed, member)


def _end(task_id: str) -> str:
    return block("end", {"task_id": task_id})
