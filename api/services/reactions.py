"""Reactions: what a rule does when it fires, in the transaction that records it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from api import metrics
from api.domain.announcement import Announcement, alert, notification
from api.domain.event import Draft, Event, EventType
from api.domain.permission import Principal, Role
from api.domain.rule import COMMANDS, Delivery, DeliveryStatus, Firing, Mark, ReactionKind, Rule
from api.domain.task import Task
from api.errors import Conflict
from api.log import get_logger
from api.ports import Announcer, Clock, Transaction
from api.services.control import Controller
from api.services.publish import Commit, Publisher

_log = get_logger(__name__)
PENDING_MAX = 500
"""Calls of one webhook that wait; what comes while there are more is not sent."""
FIRINGS_KEPT, FIRINGS_KEPT_FOR = 1000, timedelta(hours=1)
"""Of each rule: all of the last hour, which a restart may look at again, and the latest before."""
DELIVERIES_KEPT = 100
DONE = {ReactionKind.PAUSE: "paused", ReactionKind.STOP: "stopped"}
Body = Callable[[Rule, Task, Event, Firing, str], Mapping[str, Any]]
"""What a webhook is sent; the last one is the id of the delivery."""


@dataclass(frozen=True, slots=True)
class Fired:
    rule: Rule
    firing: Firing
    event: Event


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at one task: where its rules stand now, and which have fired."""

    task_id: str
    marks: tuple[Mark, ...] = ()
    fired: tuple[Fired, ...] = ()
    ended: bool = False
    """Nothing comes after this: the marks may go."""
    more: bool = False
    """There are events that were left for the next time."""
    foreign: bool = False
    """No rule fits it, whatever it does."""
    revisions: Mapping[str, int] = field(default_factory=dict)
    """The revision of each rule that it was made with."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A firing that is committed, and what is to be told of it."""

    rule: Rule
    firing: Firing
    task: Task
    commit: Commit | None


@dataclass(slots=True)
class Outcome:
    effects: list[Effect] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    """Tasks that were looked at by a rule which has changed meanwhile."""


class Reactions:
    def __init__(
        self,
        publisher: Publisher,
        controller: Controller,
        announcer: Announcer,
        clock: Clock,
        body: Body,
        wake: Callable[[], None],
        wake_deliveries: Callable[[], None],
    ) -> None:
        """`wake` makes the dispatcher pass commands on."""
        self._publisher = publisher
        self._controller = controller
        self._announcer = announcer
        self._clock = clock
        self._body = body
        self._wake = wake
        self._wake_deliveries = wake_deliveries

    def record(self, tx: Transaction, looks: Sequence[Look]) -> Outcome:
        """Write the firings with all that follows from them, and how far was looked. What has fired already, does
        not fire again; what was seen by a rule that is another one now is left to it."""
        outcome = Outcome()
        rules: dict[str, Rule | None] = {}
        for look in looks:
            for rule_id in look.revisions:
                rules.setdefault(rule_id, tx.rule(rule_id))
            valid = {rule_id for rule_id, revision in look.revisions.items() if _is(rules[rule_id], revision)}
            if len(valid) < len(look.revisions):
                outcome.outdated.append(look.task_id)
            outcome.effects += self._effects(tx, [each for each in look.fired if each.rule.id in valid])
            if look.ended and len(valid) == len(look.revisions):
                tx.drop_marks(look.task_id)
            else:
                tx.save_marks([mark for mark in look.marks if mark.rule_id in valid])
        return outcome

    def tell(self, effects: Sequence[Effect]) -> None:
        """After the commit."""
        for effect in effects:
            rule, firing = effect.rule, effect.firing
            metrics.RULE_FIRINGS.inc()
            _log.info("rule_fired", rule_id=rule.id, task_id=firing.task_id, seq=firing.seq, outcome=firing.outcome)
            if effect.commit is not None:
                self._publisher.ring(effect.commit)
            for announcement in _announcements(effect):
                self._announcer.announce(announcement)
        if any(effect.commit for effect in effects):
            self._wake()
        if any(effect.rule.webhook for effect in effects):
            self._wake_deliveries()

    def _effects(self, tx: Transaction, fired: Sequence[Fired]) -> list[Effect]:
        found = [self._effect(tx, each) for each in fired]
        effects = [effect for effect in found if effect is not None]
        for rule in {effect.rule.id: effect.rule for effect in effects}.values():
            tx.trim_firings(rule.id, keep=FIRINGS_KEPT, before=self._clock() - FIRINGS_KEPT_FOR)
            tx.trim_deliveries(rule.id, keep=DELIVERIES_KEPT)
        return effects

    def _effect(self, tx: Transaction, fired: Fired) -> Effect | None:
        rule, firing = fired.rule, fired.firing
        task = tx.task(firing.task_id)
        if task is None or not tx.add_firing(firing):
            return None
        commit, outcome = self._commanded(tx, rule, task, firing)
        if outcome:
            firing = replace(firing, outcome=outcome)
            tx.note_outcome(firing)
        if rule.webhook is not None:
            tx.add_delivery(self._delivery(tx, rule, task, fired.event, firing))
        return Effect(rule, firing, task, commit)

    def _delivery(self, tx: Transaction, rule: Rule, task: Task, event: Event, firing: Firing) -> Delivery:
        now = self._clock()
        delivery = Delivery(str(uuid.uuid4()), rule.id, task.id, created_at=now, due_at=now)
        if tx.count_pending(rule.id) >= PENDING_MAX:
            said = f"{PENDING_MAX} others wait already"
            return replace(delivery, due_at=None, status=DeliveryStatus.GIVEN_UP, error=said)
        body = self._body(rule, task, event, firing, delivery.id)
        return replace(delivery, body=json.dumps(body, allow_nan=False, separators=(",", ":")))

    def _commanded(self, tx: Transaction, rule: Rule, task: Task, firing: Firing) -> tuple[Commit | None, str]:
        """Pause or stop the task, if the rule is to, with a line in its log that says why."""
        kind = next((each.type for each in rule.actions if each.type in COMMANDS), None)
        if kind is None:
            return None, ""
        principal = Principal(rule.owner, Role.ADMIN if rule.everyone else Role.OPERATOR)
        why = _line("warning", f'rule "{rule.title}" {DONE[kind]} this task: {firing.reason}')
        try:
            commit = self._controller.within(tx, principal, task.id, COMMANDS[kind], [why])
            return commit, DONE[kind] if commit.events else f"was {DONE[kind]} already"
        except Conflict as error:
            outcome = f"could not be {DONE[kind]}: {error.message}"
            if task.terminal:
                return None, outcome
            said = _line("warning", f'rule "{rule.title}" fired: {firing.reason}; the task {outcome}')
            return self._publisher.within(tx, task, [said]), outcome


def _is(rule: Rule | None, revision: int) -> bool:
    return rule is not None and rule.revision == revision


def _line(level: str, message: str) -> Draft:
    return Draft(EventType.LOG, {"level": level, "message": message, "logger": "rules"})


def _announcements(effect: Effect) -> list[Announcement]:
    rule, firing, task = effect.rule, effect.firing, effect.task
    condition = rule.condition
    about = f"{task.name or task.type} ({task.id[:8]}): {firing.reason}"
    said = [alert(str(condition.type), rule.title, about, condition.severity, owner=task.owner)]
    if any(each.type is ReactionKind.NOTIFY for each in rule.actions):
        said.append(notification(rule.owner, rule.title, about, f"/tasks/{task.id}"))
    return said
