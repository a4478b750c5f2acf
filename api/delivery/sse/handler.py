"""The stream of one task: stored events first, then live ones, then the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from api import metrics
from api.delivery.dialects.sse import HEARTBEAT, block, event_block
from api.delivery.hub import Hub
from api.delivery.sse.member import PullMember
from api.domain.event import Event
from api.domain.permission import Principal
from api.errors import NotFound
from api.runtime.base import Runtime
from api.services.query import History, Queries

HEARTBEAT_SECONDS = 15.0
PIECE = 16 * 1024


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
        possible = resume is not None and present.holds(resume.since, resume.epoch)
        if resume is not None and possible and task.terminal and resume.since == task.last_seq:
            return None
        return self._blocks(principal, present, resume if possible else None, reset=resume is not None and not possible)

    def _blocks(self, principal: Principal, present: History, resume: Resume | None, *, reset: bool) -> Iterator[str]:
        if resume is None:
            yield from self._present(present, reset=reset)
            if present.task.terminal:
                return
        task_id, cursor = present.task.id, resume.since if resume else present.task.last_seq
        try:
            for news in self._news(task_id, cursor):
                yield from _written(news, present.epoch) if news else (HEARTBEAT,)
                if news and news[-1].terminal:
                    yield _end(task_id)
        except _HistoryLostError:
            yield from self._again(principal, task_id)

    def _present(self, present: History, *, reset: bool) -> Iterator[str]:
        task = present.task
        if reset:
            yield block("reset", {"task_id": task.id, "last_seq": task.last_seq, "epoch": present.epoch})
        for event in present.events:
            yield event_block(event, present.epoch)
        if task.terminal:
            yield _end(task.id)

    def _again(self, principal: Principal, task_id: str) -> Iterator[str]:
        """The history was trimmed under a reader that is behind: it starts over with the present state."""
        with suppress(NotFound):  # deleted: the stream ends, and the next request says so
            present = self._queries.present(principal, task_id)
            yield from self._blocks(principal, present, None, reset=True)

    def _news(self, task_id: str, cursor: int) -> Iterator[Sequence[Event]]:
        """Every event after `cursor` until the terminal one; nothing when it is time for a heartbeat."""
        member = PullMember(self._runtime)
        subscription = self._hub.subscribe(task_id, None, member)
        metrics.STREAMS.inc()
        try:
            while True:
                events = member.next(self._hub, subscription, cursor, HEARTBEAT_SECONDS)
                if events is None:
                    raise _HistoryLostError
                yield events
                cursor = events[-1].seq if events else cursor
                if events and events[-1].terminal:
                    return
        finally:
            self._hub.unsubscribe(subscription)
            metrics.STREAMS.dec()


class _HistoryLostError(Exception):
    """The next events are not stored any more."""


def _written(events: Sequence[Event], epoch: str) -> Iterator[str]:
    """The events as text, in pieces of about `PIECE` characters: each piece is one write."""
    piece, size = [], 0
    for event in events:
        piece.append(event_block(event, epoch))
        size += len(piece[-1])
        if size >= PIECE:
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)


def _end(task_id: str) -> str:
    return block("end", {"task_id": task_id})
