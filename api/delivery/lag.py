"""A reader far behind: progress that later progress has superseded is left out, and that is announced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.domain.event import Event, EventType
from api.ports import Transaction

_OTHERS = tuple(type_ for type_ in EventType if type_ is not EventType.PROGRESS)


@dataclass(frozen=True, slots=True)
class Lag:
    """Of the events `from_seq` to `to_seq` all progress but the last one (`kept`) is left out."""

    task_id: str
    from_seq: int
    to_seq: int
    skipped: int
    kept: Event


def measure(tx: Transaction, task_id: str, cursor: int, upto: int) -> Lag | None:
    """What may be left out between `cursor` and `upto`; None when that is nothing."""
    kept = tx.latest_event(task_id, (EventType.PROGRESS,), upto=upto)
    if kept is None or kept.seq <= cursor:
        return None
    skipped = tx.count_events(task_id, EventType.PROGRESS, after=cursor, upto=upto) - 1
    return Lag(task_id, cursor + 1, upto, skipped, kept) if skipped > 0 else None


def page_of(tx: Transaction, lag: Lag, cursor: int, limit: int) -> Sequence[Event] | None:
    """The next events of the shortened stretch; empty at its end, None when some are not stored any more."""
    task = tx.task(lag.task_id)
    if task is None or task.trimmed_seq > cursor:
        return None
    others = tx.events(lag.task_id, cursor, limit=limit, types=_OTHERS)
    inside = [event for event in others if event.seq <= lag.to_seq]
    whole = len(inside) < limit
    if cursor < lag.kept.seq and (whole or lag.kept.seq < inside[-1].seq):
        inside = sorted([*inside, lag.kept], key=lambda event: event.seq)
    return inside
