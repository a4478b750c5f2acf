"""The alert rule: what is to happen when a condition becomes true of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.domain.announcement import Severity
from api.domain.event import EventType
from api.domain.lifecycle import TERMINAL, Command, Status

FIRINGS_MAX = 100
"""A rule fires so often for one task at most: a metric that flutters around its bound is no news for ever."""


class Kind(StrEnum):
    """Of a condition."""

    FAILED = "failed"
    """For good: not an attempt that will be tried again."""
    ENDED = "ended"
    STALLED = "stalled"
    METRIC = "metric"
    """It is beyond a bound."""
    NONFINITE = "nonfinite"
    """A metric is NaN or infinite."""
    PLATEAU = "plateau"
    """A metric has not improved for so many reports."""


class Op(StrEnum):
    ABOVE = "above"
    BELOW = "below"


class Mode(StrEnum):
    """Which way a metric improves."""

    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Condition:
    """The fields that `FIELDS` does not name for its kind are left as they are."""

    type: Kind
    statuses: tuple[Status, ...] = ()
    """Ends that count; none: all."""
    metric: str | None = None
    """None: any."""
    op: Op = Op.ABOVE
    bound: float = 0.0
    window: int = 1
    """Reports without an improvement after which it counts as a plateau."""
    min_delta: float = 0.0
    """A value that is better by no more than this is no improvement."""
    mode: Mode = Mode.MIN

    @property
    def event_types(self) -> frozenset[EventType]:
        """The events that can say anything about it."""
        return _EVENTS[self.type]

    @property
    def at_the_end(self) -> bool:
        """Whether it becomes true only when the task has ended."""
        return self.type in (Kind.FAILED, Kind.ENDED)

    @property
    def severity(self) -> Severity:
        return _SEVERITIES.get(self.type, Severity.WARNING)

    def as_dict(self) -> dict[str, Any]:
        """JSON values; `condition_from` reads them."""
        values: dict[str, Any] = {"type": str(self.type)}
        for name in FIELDS[self.type]:
            value = getattr(self, name)
            values[name] = [str(each) for each in value] if name == "statuses" else value
        return values


FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.FAILED: (),
    Kind.ENDED: ("statuses",),
    Kind.STALLED: (),
    Kind.METRIC: ("metric", "op", "bound"),
    Kind.NONFINITE: ("metric",),
    Kind.PLATEAU: ("metric", "window", "min_delta", "mode"),
}
_ITERATIONS = frozenset({EventType.ITERATION_COMPLETE})
_EVENTS = {
    Kind.FAILED: frozenset({EventType.ERROR}),
    Kind.ENDED: frozenset({EventType.ERROR, EventType.STATUS_CHANGE}),
    Kind.STALLED: frozenset({EventType.STATUS_CHANGE}),
    Kind.METRIC: _ITERATIONS,
    Kind.NONFINITE: _ITERATIONS,
    Kind.PLATEAU: _ITERATIONS,
}
_SEVERITIES = {Kind.FAILED: Severity.ERROR, Kind.NONFINITE: Severity.ERROR, Kind.ENDED: Severity.INFO}
ENDS = tuple(status for status in Status if status in TERMINAL)


def condition_from(values: Mapping[str, Any]) -> Condition:
    decoded = dict(values)
    for name, decode in _DECODE.items():
        if name in decoded:
            decoded[name] = decode(decoded[name])
    return Condition(**decoded)


_DECODE: Mapping[str, Any] = {
    "type": Kind,
    "op": Op,
    "mode": Mode,
    "statuses": lambda names: tuple(Status(name) for name in names),
}


@dataclass(frozen=True, slots=True)
class Match:
    """Which tasks a rule looks at: every field that is set must fit."""

    type: str | None = None
    tag: str | None = None
    owner: str | None = None

    def as_dict(self) -> dict[str, str]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


class ReactionKind(StrEnum):
    NOTIFY = "notify"
    WEBHOOK = "webhook"
    PAUSE = "pause"
    STOP = "stop"


COMMANDS = {ReactionKind.PAUSE: Command.PAUSE, ReactionKind.STOP: Command.CANCEL}


@dataclass(frozen=True, slots=True)
class Reaction:
    """What happens when the rule fires; a rule has one of each kind at most."""

    type: ReactionKind
    url: str | None = None
    """Of a webhook."""

    def as_dict(self) -> dict[str, Any]:
        return {"type": str(self.type)} | ({} if self.url is None else {"url": self.url})


def reaction_from(values: Mapping[str, Any]) -> Reaction:
    return Reaction(ReactionKind(values["type"]), values.get("url"))


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    owner: str
    created_at: datetime
    since: datetime
    """When it was made, got this condition, or was turned on: what was reported before is not its business."""
    condition: Condition
    match: Match = Match()
    actions: tuple[Reaction, ...] = ()
    name: str = ""
    enabled: bool = True
    everyone: bool = False
    """It looks at the tasks of all owners, as its own may; else at those of its owner alone."""
    secret: str = ""
    """What its webhooks are signed with."""
    cooldown_seconds: float = 0.0
    fired: int = 0
    last_fired_at: datetime | None = None
    revision: int = 0
    """Counts its changes."""

    @property
    def title(self) -> str:
        return self.name or f"{self.condition.type} rule"

    @property
    def task_owner(self) -> str | None:
        """Whose tasks it looks at; None for everybody's."""
        return self.match.owner if self.everyone else self.owner

    @property
    def webhook(self) -> str | None:
        """Where it calls, if it does."""
        return next((each.url for each in self.actions if each.type is ReactionKind.WEBHOOK), None)

    def fits(self, type_: str, owner: str) -> bool:
        """Whether it may have to look at such a task: by what never changes in one."""
        return self.match.type in (None, type_) and self.task_owner in (None, owner)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule remembers of a task, whatever its condition."""

    holds: bool = False
    """The condition was true, and the rule has fired for it."""
    fired: int = 0
    fired_at: datetime | None = None
    best: float | None = None
    idle: int = 0
    """Reports since the best one."""
    attempt: int = 0
    iteration: int = 0
    """The latest of this attempt that was counted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a rule has looked at a task, and what it remembers of it."""

    rule_id: str
    task_id: str
    seq: int = 0
    memory: Memory = Memory()


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule fired for this event of a task: one row, whoever finds out and how often."""

    rule_id: str
    task_id: str
    seq: int
    reason: str
    at: datetime
    outcome: str = ""
    """What became of pausing or stopping the task."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call of a webhook that is to be made, or was."""

    id: str
    rule_id: str
    task_id: str
    created_at: datetime
    due_at: datetime | None
    """When it is tried next; None when it is not any more."""
    body: str = ""
    """JSON, as it is signed and sent; empty when it is over."""
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: int = 0
    tried_at: datetime | None = None
    error: str | None = None
    """What was wrong with the last try."""
