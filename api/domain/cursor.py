"""The subscriber's half of the delivery promise: a cursor into one task's journal.

It decides which envelope is new, which is a duplicate and which betrays a hole, and what to ask for
after the connection was lost. The clients keep one per task and do the talking.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from api.domain.event import TERMINAL_VALUES, EventType, ends_task
from api.domain.lifecycle import Status

BACKOFF_FIRST = 0.5
BACKOFF_MOST = 15.0


class Verdict(Enum):
    """What to do with an envelope."""

    DELIVER = auto()
    DROP = auto()
    """It has been delivered before, or the answer to `subscribe` will bring it again."""
    ASK_AGAIN = auto()
    """Something is missing before it: drop it and at once subscribe again from where the cursor stands."""


class Outcome(Enum):
    """What an answer to `subscribe` means."""

    GOES_ON = auto()
    HISTORY_LOST = auto()
    """`recovered: false`: what happened since the cursor is gone; it starts anew with the latest state."""
    ASK_AGAIN = auto()
    """The answer does not bring all that is missing: at once subscribe again."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a subscriber stands. Every event up to `last_seq` is known to it."""

    task_id: str
    last_seq: int | None = None
    """None: nowhere yet, the server's answer to `subscribe` tells."""
    epoch: str | None = None
    outstanding: int = 0
    """How often `subscribe` was sent and not answered. What comes before the last answer is stale."""
    stored_seq: int | None = None
    """Stored events that open a subscription without `since` are delivered from here to `last_seq`."""
    reopening: bool = False
    """The connection was lost before all of those were sure to have come: they are asked for again."""
    announced: tuple[tuple[int, int], ...] = ()
    """Ranges, first and last seq, in which the server has announced holes (`lagged`)."""
    mended_at: int | None = None
    """Where a hole was found and asked for; the same hole again is accepted, or there would be no end."""
    ended: str | None = None
    """The terminal status, once its event has come."""

    def request(self) -> dict[str, Any]:
        """The data of the `subscribe` that continues from here."""
        asked: dict[str, Any] = {"task_id": self.task_id}
        if self.last_seq is not None and not self.reopening:
            asked["since"] = self.last_seq
            if self.epoch is not None:
                asked["epoch"] = self.epoch
        return asked


def loose(task_id: str) -> Cursor:
    """A cursor for events that come without a subscription: their numbers must grow, holes are fine."""
    return Cursor(task_id, last_seq=0, announced=((1, sys.maxsize),))


def asking(cursor: Cursor) -> Cursor:
    """The cursor when `subscribe` is about to be sent."""
    return replace(cursor, outstanding=cursor.outstanding + 1)


def interrupted(cursor: Cursor) -> Cursor:
    """The cursor when the connection is lost: no answer of it will come any more."""
    opening = cursor.last_seq is not None and cursor.stored_seq is not None
    return replace(cursor, outstanding=0, announced=(), reopening=opening)


def answered(cursor: Cursor, answer: Mapping[str, Any]) -> tuple[Cursor, Outcome]:
    """The cursor after `subscribed`, and what that means.

    One that nobody asked for is the server's word that history was trimmed under a slow reader.
    """
    outstanding = max(0, cursor.outstanding - 1)
    if outstanding:
        return replace(cursor, outstanding=outstanding), Outcome.GOES_ON
    last_seq = int(answer.get("last_seq") or 0)
    moved = replace(cursor, outstanding=0, epoch=answer.get("epoch"), announced=(), reopening=False)
    if cursor.last_seq is None:
        return replace(moved, last_seq=last_seq, stored_seq=cursor.stored_seq or 0), Outcome.GOES_ON
    if cursor.reopening and moved.epoch == cursor.epoch:
        return moved, Outcome.ASK_AGAIN if last_seq > cursor.last_seq else Outcome.GOES_ON
    if not answer.get("recovered"):
        return replace(moved, last_seq=last_seq, stored_seq=0, mended_at=None), Outcome.HISTORY_LOST
    if _missed_the_end(cursor, answer, last_seq):
        return Cursor(cursor.task_id, stored_seq=last_seq - 1), Outcome.ASK_AGAIN
    return replace(moved, stored_seq=None), Outcome.GOES_ON


def _missed_the_end(cursor: Cursor, answer: Mapping[str, Any], last_seq: int) -> bool:
    """Whether the terminal event lies at or before the cursor and was never delivered.

    The caller began at `since` = the end. Subscribing without `since` brings it.
    """
    status = (answer.get("task") or {}).get("status")
    return status in TERMINAL_VALUES and not cursor.ended and last_seq <= (cursor.last_seq or 0)


def refused(cursor: Cursor) -> Cursor:
    """The cursor after the server has said no to `subscribe`."""
    return replace(cursor, outstanding=max(0, cursor.outstanding - 1))


def lagged(cursor: Cursor, first: int, last: int) -> Cursor:
    """The cursor after the server's word that superseded events from `first` to `last` are skipped."""
    return replace(cursor, announced=tuple(sorted((*cursor.announced, (first, last)))))


def received(cursor: Cursor, envelope: Mapping[str, Any]) -> tuple[Cursor, Verdict]:
    """The cursor after `envelope`, and what to do with it. One without `seq` is always new."""
    if cursor.ended:
        return cursor, Verdict.DROP
    seq = envelope.get("seq")
    if seq is None:
        return _noted(cursor, envelope), Verdict.DELIVER
    if cursor.last_seq is None:
        return cursor, Verdict.DROP
    if seq <= cursor.last_seq:
        return _stored(cursor, envelope, seq)
    if cursor.outstanding:
        return cursor, Verdict.DROP
    if seq > _furthest(cursor.last_seq, cursor.announced) and cursor.mended_at != cursor.last_seq:
        return replace(cursor, mended_at=cursor.last_seq), Verdict.ASK_AGAIN
    ahead = tuple((first, last) for first, last in cursor.announced if last > seq)
    return _noted(replace(cursor, last_seq=seq, stored_seq=None, announced=ahead), envelope), Verdict.DELIVER


def _furthest(last_seq: int, announced: tuple[tuple[int, int], ...]) -> int:
    """The highest seq that may come after `last_seq` without a hole that was not announced."""
    furthest = last_seq + 1
    for first, last in announced:
        if first <= furthest <= last:
            furthest = last + 1
    return furthest


def _stored(cursor: Cursor, envelope: Mapping[str, Any], seq: int) -> tuple[Cursor, Verdict]:
    if cursor.stored_seq is None or seq <= cursor.stored_seq:
        return cursor, Verdict.DROP
    return _noted(replace(cursor, stored_seq=seq), envelope), Verdict.DELIVER


def _noted(cursor: Cursor, envelope: Mapping[str, Any]) -> Cursor:
    return replace(cursor, ended=end_of(envelope))


def end_of(envelope: Mapping[str, Any]) -> str | None:
    """The terminal status that `envelope` brings, or None when the task goes on."""
    event_type, data = str(envelope.get("event_type")), envelope.get("data") or {}
    if not ends_task(event_type, data):
        return None
    return str(Status.FAILED) if event_type == EventType.ERROR else str(data["status"])


def backoff(attempt: int, chance: float) -> float:
    """Seconds to wait before try number `attempt` (from 0) of a lost connection.

    It doubles from 0.5 s to at most 15 s; `chance`, a random number in [0, 1), spreads each wait over
    its upper half so that the clients of a restarted server do not return at the same instant.
    """
    longest = min(BACKOFF_MOST, BACKOFF_FIRST * 2.0 ** min(attempt, 16))
    return longest * (0.5 + chance / 2)
