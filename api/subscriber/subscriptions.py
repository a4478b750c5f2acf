"""What a client follows, and what each word of the server means for it. No socket, thread or clock.

The clients hold one `Subscriptions`, feed it and do what it returns. It is not thread-safe.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from api.domain.cursor import (
    Cursor,
    Outcome,
    Verdict,
    answered,
    asking,
    end_of,
    interrupted,
    lagged,
    loose,
    received,
    refused,
)
from api.errors import APIError, ClientError

logger = logging.getLogger("runcast.client")

EVERY_TASK = "*"
_WORST_FIRST = ("failed", "cancelled", "completed")
_FINAL = frozenset({403, 404, 422})
_STATUS_OF_CODE = {
    "not_found": 404,
    "forbidden": 403,
    "invalid": 422,
    "conflict": 409,
    "too_many": 429,
    "internal": 500,
    "unavailable": 503,
}


@dataclass(eq=False)
class Follow:
    """One subscription: its cursor, and what the server said to it."""

    cursor: Cursor
    answer: dict[str, Any] | None = None
    refusal: ClientError | None = None
    asked_at: float | None = None
    """When the `subscribe` was sent that the server has not acknowledged yet."""
    begun: bool = False
    """For `"*"`, which has no place to resume at: whether the server has said `subscribed` before."""

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.refusal is not None

    @property
    def open(self) -> bool:
        return self.cursor.ended is None and self.refusal is None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the caller: `kind` is `event`, `reset`, `lagged` or `refused`."""

    kind: str
    task_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """What to do about one message: tell the caller, and subscribe (again)."""

    notices: tuple[Notice, ...] = ()
    ask: Follow | None = None


class Acknowledged(Enum):
    """What the acknowledgement of a `subscribe` comes to."""

    YES = auto()
    NO = auto()
    """Refused at first: the caller of `subscribe` is told."""
    NO_LONGER = auto()
    """Accepted before and refused for good now: the task is gone or no longer allowed."""
    NOT_NOW = auto()
    """Accepted before and refused for now: the server is not itself yet, try another connection."""


NOTHING = Heard()


class Subscriptions:
    """The tasks that a client follows."""

    def __init__(self) -> None:
        self._follows: dict[str, Follow] = {}
        self._strays: dict[str, Cursor] = {}
        """Of tasks whose envelopes are handed in without a subscription."""
        self.ended: dict[str, str] = {}
        """The terminal status of each task whose last event the caller has been told."""

    def follow(self, task_id: str, since: int | None) -> Follow:
        """Begin to follow a task, or begin anew."""
        before = self._follows.get(task_id)
        unanswered = before.cursor.outstanding if before else 0
        self.ended.pop(task_id, None)
        follow = self._follows[task_id] = Follow(Cursor(task_id, last_seq=since, outstanding=unanswered))
        return follow

    def forget(self, task_id: str, follow: Follow | None = None) -> None:
        """Stop following; with `follow` only if that is still the present one."""
        if follow is None or self._follows.get(task_id) is follow:
            self._follows.pop(task_id, None)

    def resumed(self) -> list[Follow]:
        """What has to be asked for on a new connection."""
        going_on = [follow for follow in self._follows.values() if follow.open]
        for follow in going_on:
            follow.cursor = interrupted(follow.cursor)
        return going_on

    def request(self, follow: Follow, now: float) -> dict[str, Any]:
        """The data of the `subscribe` that is sent now."""
        data = follow.cursor.request()
        follow.cursor, follow.asked_at = asking(follow.cursor), now
        return data

    def acknowledged(self, follow: Follow, answer: Any) -> Acknowledged:
        """Note the acknowledgement of a `subscribe`."""
        follow.asked_at = None
        try:
            follow.answer = accepted(answer)
        except APIError as refusal:
            if follow.answer is not None and refusal.status not in _FINAL:
                return Acknowledged.NOT_NOW  # what this connection still brings must not pass for whole
            follow.cursor = refused(follow.cursor)
            follow.refusal = refusal
            return Acknowledged.NO if follow.answer is None else Acknowledged.NO_LONGER
        return Acknowledged.YES

    def overdue(self, before: float) -> bool:
        """Whether a `subscribe` sent earlier than `before` has no acknowledgement."""
        return any(follow.asked_at is not None and follow.asked_at < before for follow in self._follows.values())

    def heard(self, event: str, data: dict[str, Any]) -> Heard:
        """Take one message of the server."""
        task_id = str(data.get("task_id"))
        follow = self._follows.get(task_id)
        if event == "task_update" and (follow or EVERY_TASK in self._follows):
            return self.update(data)
        if follow is None:
            return NOTHING
        if event == "subscribed":
            return _subscribed_to_all(follow, data) if task_id == EVERY_TASK else _subscribed(follow, data)
        if event == "lagged":
            return _lagged(follow, data)
        if event == "unsubscribed" and data.get("reason"):
            follow.refusal = APIError(403, "Forbidden", str(data["reason"]), data)
            return _told("refused", task_id, data)
        return NOTHING

    def update(self, envelope: dict[str, Any]) -> Heard:
        """Take one envelope, whether its task is followed or not."""
        task_id = str(envelope.get("task_id"))
        news = _told("event", task_id, envelope)
        follow = self._follows.get(task_id)
        if follow is not None:
            return self._followed(follow, envelope, news)
        if EVERY_TASK in self._follows:
            return news
        self._strays[task_id], verdict = received(self._strays.get(task_id) or loose(task_id), envelope)
        return news if verdict is Verdict.DELIVER else NOTHING

    def _followed(self, follow: Follow, envelope: dict[str, Any], news: Heard) -> Heard:
        cursor, verdict = received(follow.cursor, envelope)
        if verdict is Verdict.ASK_AGAIN and EVERY_TASK in self._follows:
            return NOTHING  # the copy that `"*"` brings, ahead of this task's own events
        follow.cursor = cursor
        if verdict is Verdict.ASK_AGAIN:
            logger.warning("events before seq %s of %s are missing", envelope["seq"], cursor.task_id)
            return Heard(ask=follow)
        return news if verdict is Verdict.DELIVER else NOTHING

    def told(self, envelope: dict[str, Any]) -> bool:
        """Note that the caller has been told of `envelope`; whether a task that is waited for has ended with it.

        Those that only `"*"` tells of are not waited for, and would be remembered without end.
        """
        task_id, status = str(envelope.get("task_id")), end_of(envelope)
        follow = self._follows.get(task_id)
        begun_anew = follow is not None and follow.cursor.ended is None
        if status is None or begun_anew or (follow is None and EVERY_TASK in self._follows):
            return False
        self.ended[task_id] = status
        return True

    def follows(self, task_id: str) -> bool:
        """Whether the task has a subscription of its own."""
        return task_id in self._follows

    def open(self) -> list[str]:
        """The followed tasks whose end the caller has not been told."""
        return [task_id for task_id in self._follows if task_id not in self.ended and task_id != EVERY_TASK]

    def outcome(self) -> str | ClientError | None:
        """What a wait for all of them ends with: the worst status or a refusal; None while one is open."""
        for follow in self._follows.values():
            if follow.refusal is not None:
                return follow.refusal
        if not self.ended or self.open():
            return None
        return worst(self.ended.values())


def _told(kind: str, task_id: str, data: dict[str, Any]) -> Heard:
    return Heard((Notice(kind, task_id, data),))


def _subscribed(follow: Follow, answer: dict[str, Any]) -> Heard:
    follow.cursor, outcome = answered(follow.cursor, answer)
    if outcome is Outcome.ASK_AGAIN:
        return Heard(ask=follow)
    return _told("reset", follow.cursor.task_id, answer) if outcome is Outcome.HISTORY_LOST else NOTHING


def _subscribed_to_all(follow: Follow, answer: dict[str, Any]) -> Heard:
    """Nothing is replayed: whoever keeps a list has to take it again at each answer but the first."""
    again, follow.begun = follow.begun, True
    return _told("reset", EVERY_TASK, answer) if again else NOTHING


def _lagged(follow: Follow, data: dict[str, Any]) -> Heard:
    task_id = follow.cursor.task_id
    notice = Notice("lagged", task_id, data)
    if task_id == EVERY_TASK:
        return Heard((notice, Notice("reset", task_id, data)))
    last_seq = follow.cursor.last_seq or 0
    follow.cursor = lagged(follow.cursor, int(data.get("from_seq", last_seq + 1)), int(data["to_seq"]))
    return Heard((notice,))


def worst(statuses: Iterable[str]) -> str:
    """Of several terminal statuses the one to report."""
    return min(statuses, key=_WORST_FIRST.index)


def accepted(answer: Any) -> dict[str, Any]:
    """The acknowledgement `{"ok": true, …}` as it is; `APIError` for `{"ok": false, "code", "message"}`."""
    if not isinstance(answer, dict):
        raise APIError(502, "Bad gateway", f"{answer!r} is no acknowledgement: is this a Runcast server?")
    if answer.get("ok"):
        return answer
    code = str(answer.get("code") or "error")
    detail = str(answer.get("message") or code)
    raise APIError(_STATUS_OF_CODE.get(code, 400), code.replace("_", " ").capitalize(), detail, dict(answer))
