"""Alert rules and their marks: row ↔ value, the SQL for them, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Text, bindparam, delete, func, insert, literal, select, tuple_, update

from api.domain.lifecycle import TERMINAL, Status
from api.domain.rule import Mark, Match, Memory, Rule, condition_from, reaction_from
from api.ports import RulePage
from api.store import guards, listing
from api.store.engine import Connection, Row
from api.store.statement import Statement
from api.store.tables import rule_marks, rules, tasks
from api.store.values import from_json, micros, moment, to_json

_RULE_ID: BindParameter[str] = bindparam("rule_id", type_=Text)
_TASK_ID: BindParameter[str] = bindparam("task_id", type_=Text)
_ID = rules.c.id == _RULE_ID
_FIELDS = tuple(field.name for field in fields(Rule))
_COLUMNS = [rules.c[name] for name in _FIELDS]
_KEPT = frozenset({"id", "owner", "created_at", "fired", "last_fired_at"})
LIVE = tuple(status for status in Status if status not in TERMINAL)

ADD = Statement(
    insert(rules).values({name: bindparam(name) for name in _FIELDS} | {"watched_at": bindparam("watched_at")})
)
SAVE = Statement(
    update(rules)
    .where(_ID, rules.c.revision == bindparam("previous"))
    .values({name: bindparam(name) for name in _FIELDS if name not in _KEPT})
)
DELETE = Statement(delete(rules).where(_ID))
BY_ID = Statement(select(*_COLUMNS).where(_ID))
COUNT = Statement(select(func.count()).select_from(rules).where(rules.c.owner == bindparam("owner")))
ENABLED = Statement(select(*_COLUMNS).where(rules.c.enabled.is_(True)).order_by(rules.c.created_at, rules.c.id))
WATCHED_AT = Statement(select(func.min(rules.c.watched_at)).where(rules.c.enabled.is_(True)))
WATCHED = Statement(
    update(rules)
    .where(rules.c.enabled.is_(True), rules.c.watched_at < bindparam("at"))
    .values(watched_at=bindparam("at"))
)
BEGIN = Statement(update(rules).where(_ID).values(watched_at=bindparam("since")))

_MARK = (rule_marks.c.task_id == _TASK_ID, rule_marks.c.rule_id == _RULE_ID)
MARKS = Statement(
    select(rule_marks.c.rule_id, rule_marks.c.task_id, rule_marks.c.seq, rule_marks.c.memory).where(
        rule_marks.c.task_id == _TASK_ID
    )
)
MOVE = Statement(update(rule_marks).where(*_MARK).values(seq=bindparam("seq"), memory=bindparam("memory")))
ADD_MARK = Statement(
    insert(rule_marks).from_select(
        ["task_id", "rule_id", "seq", "memory"],
        select(tasks.c.id, rules.c.id, bindparam("seq"), bindparam("memory", type_=Text)).where(
            tasks.c.id == _TASK_ID, _ID
        ),
    )
)
DROP_MARKS = Statement(delete(rule_marks).where(rule_marks.c.task_id == _TASK_ID))
DROP_MARKS_OF_RULE = Statement(delete(rule_marks).where(rule_marks.c.rule_id == _RULE_ID))
BEHIND = Statement(
    select(rule_marks.c.task_id)
    .join(tasks, tasks.c.id == rule_marks.c.task_id)
    .where(rule_marks.c.seq < tasks.c.last_seq)
    .distinct()
    .order_by(rule_marks.c.task_id)
    .limit(bindparam("limit"))
)
CREATED_SINCE = Statement(
    select(tasks.c.id, tasks.c.created_at)
    .where(tasks.c.created_at >= bindparam("at"))
    .order_by(tasks.c.created_at, tasks.c.id)
)


@cache
def page(*, owned: bool, further: bool) -> Statement:
    query = select(*_COLUMNS)
    if owned:
        query = query.where(rules.c.owner == bindparam("visible_to"))
    if further:
        place = tuple_(rules.c.created_at, rules.c.id)
        query = query.where(place < tuple_(bindparam("created_at"), bindparam("rule_id")))
    return Statement(query.order_by(rules.c.created_at.desc(), rules.c.id.desc()).limit(bindparam("limit")))


@cache
def total(*, owned: bool) -> Statement:
    query = select(func.count()).select_from(rules)
    return Statement(query.where(rules.c.owner == bindparam("visible_to")) if owned else query)


@cache
def begin(shape: frozenset[str]) -> Statement:
    """Mark the tasks that have not ended, of this `type` and `owner` where the shape names them."""
    live = select(tasks.c.id, _RULE_ID, tasks.c.last_seq, literal("{}", Text)).where(
        tasks.c.status.in_([bindparam(f"status_{number}") for number in range(len(LIVE))])
    )
    for name in sorted(shape):
        live = live.where(tasks.c[name] == bindparam(name))
    return Statement(insert(rule_marks).from_select(["task_id", "rule_id", "seq", "memory"], live))


class RuleRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def rule(self, rule_id: str) -> Rule | None:
        row = self._connection.row(BY_ID, rule_id=rule_id)
        return _rule(row) if row is not None else None

    def rules(self, *, visible_to: str | None, limit: int, cursor: str | None = None) -> RulePage:
        owned: dict[str, Any] = {} if visible_to is None else {"visible_to": visible_to}
        after: dict[str, Any] = {}
        if cursor is not None:
            position = listing.from_cursor(cursor)
            after = {"created_at": position.created_at, "rule_id": position.task_id}
        (count,) = self._connection.row(total(owned=bool(owned)), **owned) or (0,)
        query = page(owned=bool(owned), further=bool(after))
        rows = self._connection.rows(query, limit=limit + 1, **owned, **after)
        return cut([_rule(row) for row in rows], count, limit)

    def count_rules(self, owner: str) -> int:
        (count,) = self._connection.row(COUNT, owner=owner) or (0,)
        return int(count)

    def enabled_rules(self) -> list[Rule]:
        return [_rule(row) for row in self._connection.rows(ENABLED)]

    def rules_watched_at(self) -> datetime | None:
        (at,) = self._connection.row(WATCHED_AT) or (None,)
        return None if at is None else moment(at)

    def add_rule(self, rule: Rule) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADD, _values(rule) | {"watched_at": micros(rule.since)})

    def save_rule(self, rule: Rule) -> bool:
        guards.must_be_writable(self._writable)
        values = _values(rule) | {"rule_id": rule.id, "previous": rule.revision - 1}
        return bool(self._connection.change(SAVE, values))

    def delete_rule(self, rule_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DELETE, {"rule_id": rule_id})  # what belongs to it goes with it

    def watched(self, at: datetime) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(WATCHED, {"at": micros(at)})

    def marks(self, task_id: str) -> list[Mark]:
        return [_mark(row) for row in self._connection.rows(MARKS, task_id=task_id)]

    def begin_marks(self, rule: Rule) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DROP_MARKS_OF_RULE, {"rule_id": rule.id})
        if not rule.enabled:
            return
        self._connection.change(BEGIN, {"rule_id": rule.id, "since": micros(rule.since)})
        only = {"type": rule.match.type, "owner": rule.task_owner}
        given = {name: value for name, value in only.items() if value is not None}
        statuses = {f"status_{number}": str(status) for number, status in enumerate(LIVE)}
        self._connection.change(begin(frozenset(given)), {"rule_id": rule.id, **statuses, **given})

    def save_marks(self, marks: Sequence[Mark]) -> None:
        guards.must_be_writable(self._writable)
        for mark in marks:
            values = {
                "task_id": mark.task_id,
                "rule_id": mark.rule_id,
                "seq": mark.seq,
                "memory": to_json(_memory_values(mark.memory)),
            }
            if not self._connection.change(MOVE, values):
                self._connection.change(ADD_MARK, values)

    def drop_marks(self, task_id: str) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(DROP_MARKS, {"task_id": task_id})

    def behind_marks(self, *, limit: int) -> list[str]:
        return [task_id for (task_id,) in self._connection.rows(BEHIND, limit=limit)]

    def created_since(self, at: datetime) -> list[tuple[str, datetime]]:
        return [(task_id, moment(created)) for task_id, created in self._connection.rows(CREATED_SINCE, at=micros(at))]


def cut(found: list[Rule], count: int, limit: int) -> RulePage:
    """A page of what was found; one more than `limit` says that there is a next one."""
    shown = tuple(found[:limit])
    more = len(found) > limit and shown
    cursor = listing.to_cursor(listing.Position(micros(shown[-1].created_at), shown[-1].id)) if more else None
    return RulePage(shown, count, cursor)


def _rule(row: Row) -> Rule:
    values = dict(zip(_FIELDS, row, strict=True))
    for name, decode in _DECODE.items():
        if values[name] is not None:
            values[name] = decode(values[name])
    return Rule(**values)


def _values(rule: Rule) -> dict[str, Any]:
    values = {name: getattr(rule, name) for name in _FIELDS}
    for name in ("created_at", "since", "last_fired_at"):
        if values[name] is not None:
            values[name] = micros(values[name])
    return values | {
        "condition": to_json(rule.condition.as_dict()),
        "match": to_json(rule.match.as_dict()),
        "actions": to_json([each.as_dict() for each in rule.actions]),
    }


_DECODE: dict[str, Callable[[Any], Any]] = {
    "created_at": moment,
    "since": moment,
    "last_fired_at": moment,
    "condition": lambda text: condition_from(from_json(text)),
    "match": lambda text: Match(**from_json(text)),
    "actions": lambda text: tuple(reaction_from(each) for each in from_json(text)),
    "enabled": bool,
    "everyone": bool,
}


def _mark(row: Row) -> Mark:
    rule_id, task_id, seq, memory = row
    return Mark(rule_id, task_id, seq, _memory(from_json(memory)))


_NEW = Memory()


def _memory(values: Mapping[str, Any]) -> Memory:
    at = values.get("fired_at")
    return Memory(**{**values, "fired_at": None if at is None else moment(at)})


def _memory_values(memory: Memory) -> dict[str, Any]:
    """What is not as it was at the beginning."""
    values = {each.name: getattr(memory, each.name) for each in fields(Memory)}
    if memory.fired_at is not None:
        values["fired_at"] = micros(memory.fired_at)
    return {name: value for name, value in values.items() if value != getattr(_NEW, name)}
