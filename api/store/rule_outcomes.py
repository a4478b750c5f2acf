"""What alert rules did: firings and deliveries. Row ↔ value, the SQL for them, and that part of a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, BindParameter, Text, bindparam, delete, exists, func, insert, literal, select, update

from api.domain.rule import Delivery, DeliveryStatus, Firing
from api.store import guards
from api.store.engine import Connection, Row
from api.store.statement import Statement
from api.store.tables import rule_deliveries, rule_firings, rules
from api.store.values import micros, moment

_RULE_ID: BindParameter[str] = bindparam("rule_id", type_=Text)
_FIRING = tuple(field.name for field in fields(Firing))
_DELIVERY = tuple(field.name for field in fields(Delivery))
_TIMES = frozenset({"at", "created_at", "due_at", "tried_at"})

_KEY = tuple(rule_firings.c[name] == bindparam(name) for name in ("rule_id", "task_id", "seq"))
_NUMBERS = frozenset({"seq", "at"})
_GIVEN = (bindparam(name, type_=BigInteger if name in _NUMBERS else Text) for name in _FIRING)
ADD_FIRING = Statement(insert(rule_firings).from_select(list(_FIRING), select(*_GIVEN).where(~exists().where(*_KEY))))
NOTE_OUTCOME = Statement(update(rule_firings).where(*_KEY).values(outcome=bindparam("outcome")))
COUNT_FIRING = Statement(
    update(rules).where(rules.c.id == _RULE_ID).values(fired=rules.c.fired + 1, last_fired_at=bindparam("at"))
)
FIRINGS = Statement(
    select(*(rule_firings.c[name] for name in _FIRING))
    .where(rule_firings.c.rule_id == _RULE_ID)
    .order_by(rule_firings.c.id.desc())
    .limit(bindparam("limit"))
)
_LATEST_FIRINGS = (
    select(rule_firings.c.id)
    .where(rule_firings.c.rule_id == _RULE_ID)
    .order_by(rule_firings.c.id.desc())
    .limit(bindparam("keep"))
)
TRIM_FIRINGS = Statement(
    delete(rule_firings).where(
        rule_firings.c.rule_id == _RULE_ID,
        rule_firings.c.at < bindparam("before"),
        rule_firings.c.id.not_in(_LATEST_FIRINGS),
    )
)

ADD_DELIVERY = Statement(insert(rule_deliveries).values({name: bindparam(name) for name in _DELIVERY}))
_OUTCOME = ("due_at", "body", "status", "attempts", "tried_at", "error")
SAVE_DELIVERY = Statement(
    update(rule_deliveries)
    .where(rule_deliveries.c.id == bindparam("delivery_id"))
    .values({name: bindparam(name) for name in _OUTCOME})
)
NEXT = Statement(select(func.min(rule_deliveries.c.due_at)).where(rule_deliveries.c.due_at.is_not(None)))
PENDING = Statement(
    select(func.count())
    .select_from(rule_deliveries)
    .where(rule_deliveries.c.rule_id == _RULE_ID, rule_deliveries.c.due_at.is_not(None))
)
_LATEST_FIRST = (rule_deliveries.c.created_at.desc(), rule_deliveries.c.id.desc())
DELIVERIES = Statement(
    select(*(rule_deliveries.c[name] if name != "body" else literal("", Text) for name in _DELIVERY))
    .where(rule_deliveries.c.rule_id == _RULE_ID)
    .order_by(*_LATEST_FIRST)
    .limit(bindparam("limit"))
)
_LATEST_DELIVERIES = (
    select(rule_deliveries.c.id)
    .where(rule_deliveries.c.rule_id == _RULE_ID)
    .order_by(*_LATEST_FIRST)
    .limit(bindparam("keep"))
)
TRIM_DELIVERIES = Statement(
    delete(rule_deliveries).where(
        rule_deliveries.c.rule_id == _RULE_ID,
        rule_deliveries.c.due_at.is_(None),
        rule_deliveries.c.id.not_in(_LATEST_DELIVERIES),
    )
)


@cache
def due(without: int) -> Statement:
    """What is due of all rules but those named rule_0, rule_1 …"""
    query = select(*(rule_deliveries.c[name] for name in _DELIVERY)).where(rule_deliveries.c.due_at <= bindparam("now"))
    if without:
        query = query.where(
            rule_deliveries.c.rule_id.not_in([bindparam(f"rule_{number}") for number in range(without)])
        )
    return Statement(query.order_by(rule_deliveries.c.due_at, rule_deliveries.c.id).limit(bindparam("limit")))


class RuleOutcomeRows:
    """Part of `SqlTransaction`."""

    __slots__ = ()
    _connection: Connection
    _writable: bool

    def add_firing(self, firing: Firing) -> bool:
        guards.must_be_writable(self._writable)
        values = _values(firing, _FIRING)
        if not self._connection.change(ADD_FIRING, values):
            return False
        self._connection.change(COUNT_FIRING, {"rule_id": firing.rule_id, "at": values["at"]})
        return True

    def note_outcome(self, firing: Firing) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(NOTE_OUTCOME, _values(firing, _FIRING))

    def firings(self, rule_id: str, *, limit: int) -> list[Firing]:
        rows = self._connection.rows(FIRINGS, rule_id=rule_id, limit=limit)
        return [Firing(**_decoded(row, _FIRING)) for row in rows]

    def trim_firings(self, rule_id: str, *, keep: int, before: datetime) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(TRIM_FIRINGS, {"rule_id": rule_id, "keep": keep, "before": micros(before)})

    def add_delivery(self, delivery: Delivery) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(ADD_DELIVERY, _values(delivery, _DELIVERY))

    def save_delivery(self, delivery: Delivery) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(SAVE_DELIVERY, _values(delivery, _OUTCOME) | {"delivery_id": delivery.id})

    def due_deliveries(self, now: datetime, *, without_rules: Sequence[str] = (), limit: int) -> list[Delivery]:
        without = {f"rule_{number}": rule_id for number, rule_id in enumerate(without_rules)}
        rows = self._connection.rows(due(len(without)), now=micros(now), limit=limit, **without)
        return [_delivery(row) for row in rows]

    def next_delivery_at(self) -> datetime | None:
        (at,) = self._connection.row(NEXT) or (None,)
        return None if at is None else moment(at)

    def count_pending(self, rule_id: str) -> int:
        (count,) = self._connection.row(PENDING, rule_id=rule_id) or (0,)
        return int(count)

    def deliveries(self, rule_id: str, *, limit: int) -> list[Delivery]:
        return [_delivery(row) for row in self._connection.rows(DELIVERIES, rule_id=rule_id, limit=limit)]

    def trim_deliveries(self, rule_id: str, *, keep: int) -> None:
        guards.must_be_writable(self._writable)
        self._connection.change(TRIM_DELIVERIES, {"rule_id": rule_id, "keep": keep})


def _values(value: Firing | Delivery, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(value, name) for name in names}
    return {
        name: micros(each) if name in _TIMES and each is not None else str(each) if name == "status" else each
        for name, each in values.items()
    }


def _decoded(row: Row, names: tuple[str, ...]) -> dict[str, Any]:
    pairs = zip(names, row, strict=True)
    return {name: moment(each) if name in _TIMES and each is not None else each for name, each in pairs}


def _delivery(row: Row) -> Delivery:
    values = _decoded(row, _DELIVERY)
    return Delivery(**values | {"status": DeliveryStatus(values["status"])})
