"""Alert rules in memory: that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from api.domain.rule import Delivery, Firing, Mark, Rule
from api.ports import RulePage
from api.store import guards, listing
from api.store.memory_state import State
from api.store.rules import cut
from api.store.tasks import oldest_first
from api.store.values import micros


class MemoryRuleRows:
    """Part of `MemoryTransaction`."""

    _state: State
    _writable: bool

    def rule(self, rule_id: str) -> Rule | None:
        return self._state.rules.get(rule_id)

    def rules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> RulePage:
        seen = [each for each in self._state.rules.values() if visible_to in (None, each.owner)]
        seen.sort(key=_place, reverse=True)
        after = listing.from_cursor(cursor) if cursor is not None else None
        rest = [each for each in seen if after is None or _place(each) < (after.created_at, after.task_id)]
        return cut(rest, len(seen), limit)

    def count_rules(self, owner: str) -> int:
        return sum(1 for each in self._state.rules.values() if each.owner == owner)

    def enabled_rules(self) -> list[Rule]:
        return sorted((each for each in self._state.rules.values() if each.enabled), key=_place)

    def rules_watched_at(self) -> datetime | None:
        return min((self._state.watched_at[each.id] for each in self.enabled_rules()), default=None)

    def add_rule(self, rule: Rule) -> None:
        guards.must_be_writable(self._writable)
        self._state.rules[rule.id] = rule
        self._state.watched_at[rule.id] = rule.since

    def save_rule(self, rule: Rule) -> bool:
        guards.must_be_writable(self._writable)
        stored = self._state.rules.get(rule.id)
        if stored is None or stored.revision != rule.revision - 1:
            return False
        self._state.rules[rule.id] = replace(rule, fired=stored.fired, last_fired_at=stored.last_fired_at)
        return True

    def delete_rule(self, rule_id: str) -> None:
        guards.must_be_writable(self._writable)
        state = self._state
        state.rules.pop(rule_id, None)
        state.watched_at.pop(rule_id, None)
        state.marks = {key: mark for key, mark in state.marks.items() if mark.rule_id != rule_id}
        state.firings = {key: firing for key, firing in state.firings.items() if firing.rule_id != rule_id}
        state.deliveries = {key: each for key, each in state.deliveries.items() if each.rule_id != rule_id}

    def watched(self, at: datetime) -> None:
        guards.must_be_writable(self._writable)
        for rule in self.enabled_rules():
            self._state.watched_at[rule.id] = max(at, self._state.watched_at[rule.id])

    def marks(self, task_id: str) -> list[Mark]:
        return [mark for mark in self._state.marks.values() if mark.task_id == task_id]

    def begin_marks(self, rule: Rule) -> None:
        guards.must_be_writable(self._writable)
        state = self._state
        state.marks = {key: mark for key, mark in state.marks.items() if mark.rule_id != rule.id}
        if not rule.enabled:
            return
        state.watched_at[rule.id] = rule.since
        for task in state.tasks.values():
            if not task.terminal and rule.fits(task.type, task.owner):
                state.marks[task.id, rule.id] = Mark(rule.id, task.id, task.last_seq)

    def save_marks(self, marks: Sequence[Mark]) -> None:
        guards.must_be_writable(self._writable)
        for mark in marks:
            if mark.task_id in self._state.tasks and mark.rule_id in self._state.rules:
                self._state.marks[mark.task_id, mark.rule_id] = mark

    def drop_marks(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._state.marks = {key: mark for key, mark in self._state.marks.items() if mark.task_id != task_id}

    def behind_marks(self, *, limit: int) -> list[str]:
        tasks = self._state.tasks
        return sorted({mark.task_id for mark in self._state.marks.values() if mark.seq < tasks[mark.task_id].last_seq})[
            :limit
        ]

    def created_since(self, at: datetime) -> list[tuple[str, datetime]]:
        tasks = sorted((task for task in self._state.tasks.values() if task.created_at >= at), key=oldest_first)
        return [(task.id, task.created_at) for task in tasks]

    # -- firings and deliveries

    def add_firing(self, firing: Firing) -> bool:
        guards.must_be_writable(self._writable)
        key = firing.rule_id, firing.task_id, firing.seq
        if key in self._state.firings:
            return False
        self._state.firings[key] = firing
        rule = self._state.rules[firing.rule_id]
        self._state.rules[rule.id] = replace(rule, fired=rule.fired + 1, last_fired_at=firing.at)
        return True

    def note_outcome(self, firing: Firing) -> None:
        guards.must_be_writable(self._writable)
        self._state.firings[firing.rule_id, firing.task_id, firing.seq] = firing

    def firings(self, rule_id: str, *, limit: int) -> list[Firing]:
        return [each for each in reversed(self._state.firings.values()) if each.rule_id == rule_id][:limit]

    def trim_firings(self, rule_id: str, *, keep: int, before: datetime) -> None:
        guards.must_be_writable(self._writable)
        for each in self.firings(rule_id, limit=len(self._state.firings))[keep:]:
            if each.at < before:
                del self._state.firings[each.rule_id, each.task_id, each.seq]

    def add_delivery(self, delivery: Delivery) -> None:
        guards.must_be_writable(self._writable)
        self._state.deliveries[delivery.id] = delivery

    def save_delivery(self, delivery: Delivery) -> None:
        guards.must_be_writable(self._writable)
        if delivery.id in self._state.deliveries:
            self._state.deliveries[delivery.id] = delivery

    def due_deliveries(self, now: datetime, *, without_rules: Sequence[str] = (), limit: int) -> list[Delivery]:
        known = [each for each in self._state.deliveries.values() if each.rule_id not in without_rules]
        due = sorted((each.due_at, each.id) for each in known if each.due_at is not None)
        return [self._state.deliveries[id_] for at, id_ in due if at <= now][:limit]

    def next_delivery_at(self) -> datetime | None:
        times = (each.due_at for each in self._state.deliveries.values())
        return min((at for at in times if at is not None), default=None)

    def count_pending(self, rule_id: str) -> int:
        return sum(1 for each in self._state.deliveries.values() if each.rule_id == rule_id and each.due_at is not None)

    def deliveries(self, rule_id: str, *, limit: int) -> list[Delivery]:
        found = [each for each in self._state.deliveries.values() if each.rule_id == rule_id]
        latest = sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)[:limit]
        return [replace(each, body="") for each in latest]

    def trim_deliveries(self, rule_id: str, *, keep: int) -> None:
        guards.must_be_writable(self._writable)
        for each in self.deliveries(rule_id, limit=len(self._state.deliveries))[keep:]:
            if each.due_at is None:
                del self._state.deliveries[each.id]


def _place(rule: Rule) -> tuple[int, str]:
    return micros(rule.created_at), rule.id
