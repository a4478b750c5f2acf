"""What a server sends to a cursor, and cursors that have been sent something."""

from __future__ import annotations

from typing import Any

from api.domain.cursor import Cursor, Verdict, answered, asking, received

Json = dict[str, Any]


def event(seq: int | None, event_type: str = "log", **data: Any) -> Json:
    envelope = {"task_id": "t", "event_type": event_type, "data": data, "timestamp": "2026-01-01T00:00:00.000000Z"}
    return envelope if seq is None else {**envelope, "seq": seq}


def answer(last_seq: int, *, recovered: bool | None = None, status: str = "running", epoch: str = "e1") -> Json:
    given_back = {"task_id": "t", "epoch": epoch, "last_seq": last_seq, "task": {"status": status}}
    return given_back if recovered is None else {**given_back, "recovered": recovered}


def subscribed(last_seq: int, *, since: int | None = None, status: str = "running") -> Cursor:
    """A cursor whose `subscribe` has been answered."""
    recovered = None if since is None else True
    cursor, _ = answered(asking(Cursor("t", since)), answer(last_seq, recovered=recovered, status=status))
    return cursor


def feed(cursor: Cursor, *seqs: int) -> tuple[Cursor, list[int]]:
    """The seqs that are delivered of these."""
    delivered = []
    for seq in seqs:
        cursor, verdict = received(cursor, event(seq))
        if verdict is Verdict.DELIVER:
            delivered.append(seq)
    return cursor, delivered
