"""The watch: holds the events of tasks against the alert rules, in a background thread.

The journal is the truth: a bell only says which task to look at. How far each rule has looked at a task, and what it
remembers of it, is written together with what fired; what was committed and not looked at when a process died is
found by the next one. Only the process that runs the tasks looks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from api.domain.event import EventType
from api.domain.rule import Mark, Rule
from api.domain.rule_check import looked
from api.domain.task import Task
from api.errors import RuncastError
from api.log import get_logger
from api.ports import Bus, Clock, Doorbell, Store, Transaction
from api.runtime.base import Runtime
from api.services.loop import NudgedLoop
from api.services.reactions import Fired, Look, Outcome, Reactions

_log = get_logger(__name__)
SWEEP_SECONDS = 2.0
"""How soon is noticed what no bell told: changes of rules, events and tasks of other processes."""
STANDBY_SECONDS = 0.5
RETRY_SECONDS = 1.0
TOGETHER_SECONDS = 0.05
"""What comes within so long after a look is looked at together, so that a flood is a few looks and commits."""
TASKS_TOGETHER = 50
EVENTS_TOGETHER = 500
"""Of one task at a time."""
BEHIND_TOGETHER = 1000
RUNG_MAX = 10_000
"""Tasks that wait to be looked at; the sweep finds the others."""
FOREIGN_MAX = 10_000
LATE = timedelta(seconds=30)
"""A task is committed so long after its `created_at`, at most."""


class RuleWatch(NudgedLoop):
    name = "rules"
    retry_seconds = RETRY_SECONDS

    def __init__(
        self,
        store: Store,
        bus: Bus,
        clock: Clock,
        runtime: Runtime,
        reactions: Reactions,
        holds: Callable[[], bool],
        pause: float = TOGETHER_SECONDS,
    ) -> None:
        """`holds`: whether this process is the one that runs the tasks."""
        super().__init__(runtime)
        self._store = store
        self._clock = clock
        self._reactions = reactions
        self._holds = holds
        self._pause = pause
        self._rules: tuple[Rule, ...] = ()
        self._types: frozenset[EventType] = frozenset()
        """The events that any of the rules wants to know; none: nobody listens."""
        self._rung: dict[str, None] = {}
        """Tasks to look at."""
        self._foreign: dict[str, None] = {}
        """Tasks that no rule fits, whatever they do."""
        self._seen: dict[str, datetime] = {}
        """The new tasks that the last sweep found, with their `created_at`: passed on already."""
        self._watched_at: datetime | None = None
        self._sweep_at = 0.0
        bus.listen(self._hear)

    def rules_changed(self) -> None:
        """From any thread."""
        self._sweep_at = 0.0
        self.wake()

    def step(self) -> float:
        """Look at what there is; how many seconds to wait for a nudge then."""
        if not self._holds():
            self._stand_by()
            return STANDBY_SECONDS
        swept: datetime | None = None
        while not self._leaving:
            if time.monotonic() >= self._sweep_at:
                swept = self._sweep()
            ids = list(self._rung)[:TASKS_TOGETHER]
            if not ids:
                break
            self._look(ids)
            self._runtime.sleep(self._pause)
        if swept is not None:
            self._passed(swept)
        return max(0.0, self._sweep_at - time.monotonic())

    # -- what to look at

    def _hear(self, bell: Doorbell) -> None:
        """On the hub's thread."""
        types = self._types
        if not types or bell.task_id in self._foreign:
            return
        if bell.events and types.isdisjoint(event.type for event in bell.events):
            return
        self._ring(bell.task_id)

    def _ring(self, task_id: str) -> bool:
        """False when there are too many already."""
        if len(self._rung) >= RUNG_MAX:
            return False
        first = not self._rung
        self._rung[task_id] = None
        if first:
            self._nudge.set()
        return True

    def _stand_by(self) -> None:
        self._rules, self._types, self._watched_at, self._sweep_at = (), frozenset(), None, 0.0
        for known in (self._rung, self._foreign, self._seen):
            known.clear()

    def _sweep(self) -> datetime | None:
        """Read the rules anew, and find the tasks that no bell told of. When it began, if that is to be noted."""
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        now = self._clock()
        rules = self._store.read(lambda tx: tuple(tx.enabled_rules()))
        if [(rule.id, rule.revision) for rule in rules] != [(rule.id, rule.revision) for rule in self._rules]:
            self._watched_at = None
            self._foreign.clear()
            self._seen.clear()
        self._rules = rules
        self._types = frozenset().union(*(rule.condition.event_types for rule in rules))
        if not rules:
            self._rung.clear()
            return None
        watched_at = self._watched_at or self._store.read(lambda tx: tx.rules_watched_at()) or now
        horizon = min(watched_at, now) - LATE
        created = dict(self._store.read(lambda tx: tx.created_since(horizon)))
        behind = self._store.read(lambda tx: tx.behind_marks(limit=BEHIND_TOGETHER))
        new = [task_id for task_id in created if task_id not in self._seen]
        passed_on = {task_id for task_id in (*behind, *new) if self._ring(task_id)}
        waiting = set(new) - passed_on
        self._seen = {task_id: at for task_id, at in created.items() if task_id not in waiting}
        if waiting or len(behind) == BEHIND_TOGETHER:
            self._sweep_at = 0.0
        return None if waiting else now

    def _passed(self, at: datetime) -> None:
        """All tasks that were there at this time have been looked at."""
        noted, self._watched_at = self._watched_at, at
        if noted is None or self._seen:
            self._store.write(lambda tx: tx.watched(at))

    # -- looking

    def _look(self, ids: Sequence[str]) -> None:
        for task_id in ids:
            self._rung.pop(task_id, None)  # before the journal is read: a bell from now on is about something else
        try:
            found = self._store.read(lambda tx: [self._look_at(tx, task_id) for task_id in ids])
            looks = [look for look in found if look is not None]
            outcome = self._recorded([look for look in looks if look.marks or look.fired or look.ended])
        except RuncastError:
            for task_id in ids:
                self._ring(task_id)
            raise
        for look in looks:
            if look.more:
                self._ring(look.task_id)
            if look.foreign:
                self._pass_over(look.task_id)
        if outcome.outdated:
            self._sweep_at = 0.0
            for task_id in outcome.outdated:
                self._ring(task_id)

    def _recorded(self, looks: Sequence[Look]) -> Outcome:
        if not looks:
            return Outcome()
        outcome = self._store.write(lambda tx: self._reactions.record(tx, looks))
        self._reactions.tell(outcome.effects)
        return outcome

    def _look_at(self, tx: Transaction, task_id: str) -> Look | None:
        task = tx.task(task_id)
        if task is None:
            return None
        rules = [rule for rule in self._rules if rule.fits(task.type, task.owner)]
        if not rules:
            return Look(task_id, foreign=not task.terminal)
        stored = {mark.rule_id: mark for mark in tx.marks(task_id)}
        places = [(rule, stored.get(rule.id) or _beginning(rule, task)) for rule in rules]
        return _looked_at(tx, task, [(rule, mark) for rule, mark in places if mark is not None], stored)

    def _pass_over(self, task_id: str) -> None:
        if len(self._foreign) >= FOREIGN_MAX:
            self._foreign.clear()
        self._foreign[task_id] = None


def _beginning(rule: Rule, task: Task) -> Mark | None:
    """Where a rule begins that has not looked at the task yet: tasks that had not ended when it was made are marked."""
    if task.terminal and task.created_at < rule.since:
        return None
    return Mark(rule.id, task.id)


def _looked_at(
    tx: Transaction, task: Task, places: Sequence[tuple[Rule, Mark]], stored: dict[str, Mark]
) -> Look | None:
    if not places:
        return None
    types = frozenset[EventType]().union(*(rule.condition.event_types for rule, _ in places))
    after = min(mark.seq for _, mark in places)
    events = tx.events(task.id, after, limit=EVENTS_TOGETHER, types=sorted(types))
    more = len(events) == EVENTS_TOGETHER
    upto = events[-1].seq if more else task.last_seq
    marks: list[Mark] = []
    fired: list[Fired] = []
    for rule, mark in places:
        if rule.match.tag is None or rule.match.tag in task.tags:
            mark, found = looked(rule, mark, events)
            fired += [Fired(rule, firing, event) for firing, event in found]
        marks.append(replace(mark, seq=max(mark.seq, upto)))
    ended = task.terminal and not more
    fresh = () if ended else tuple(mark for mark in marks if mark != stored.get(mark.rule_id))
    revisions = {rule.id: rule.revision for rule, _ in places}
    return Look(task.id, fresh, tuple(fired), ended=ended and bool(stored), more=more, revisions=revisions)
