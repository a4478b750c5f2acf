"""Alert rules with their marks, firings and deliveries, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.event import EventType
from api.domain.lifecycle import Status
from api.domain.rule import (
    Condition,
    Delivery,
    DeliveryStatus,
    Firing,
    Kind,
    Mark,
    Match,
    Memory,
    Mode,
    Op,
    Reaction,
    ReactionKind,
    Rule,
)
from api.errors import InvalidInput
from api.ports import Store
from tests.support.stores import START, a_task, say, task_id

SECOND = timedelta(seconds=1)


def a_rule(number: int = 1, **changes) -> Rule:
    at = START + number * SECOND
    fields = {
        "id": task_id(number),
        "owner": "local",
        "created_at": at,
        "since": at,
        "condition": Condition(Kind.FAILED),
        "everyone": True,
    }
    return Rule(**fields | changes)


def add(store: Store, *rules: Rule) -> None:
    store.write(lambda tx: [tx.add_rule(each) for each in rules])


def add_tasks(store: Store, *tasks) -> None:
    store.write(lambda tx: [tx.add_task(each) for each in tasks])


def a_firing(seq: int = 1, **changes) -> Firing:
    return Firing(**{"rule_id": task_id(1), "task_id": "t", "seq": seq, "reason": "é", "at": START} | changes)


def a_delivery(number: int = 1, **changes) -> Delivery:
    at = START + number * SECOND
    return Delivery(
        **{"id": f"d{number}", "rule_id": task_id(1), "task_id": "t", "created_at": at, "due_at": at, "body": "{}"}
        | changes
    )


@pytest.mark.parametrize(
    "condition",
    [
        Condition(Kind.FAILED),
        Condition(Kind.ENDED, statuses=(Status.COMPLETED, Status.CANCELLED)),
        Condition(Kind.STALLED),
        Condition(Kind.METRIC, metric="löss", op=Op.BELOW, bound=-1e300),
        Condition(Kind.NONFINITE),
        Condition(Kind.NONFINITE, metric="x"),
        Condition(Kind.PLATEAU, metric="x", window=7, min_delta=0.25, mode=Mode.MAX),
    ],
    ids=lambda condition: str(condition.type),
)
def test_it_comes_back_as_it_was(store: Store, condition: Condition) -> None:
    plain = a_rule(1, condition=condition)
    full = a_rule(
        2,
        condition=condition,
        match=Match("x", "ü", "ann"),
        actions=(Reaction(ReactionKind.STOP), Reaction(ReactionKind.WEBHOOK, "https://a.example/b")),
        name="n",
        enabled=False,
        everyone=False,
        secret="s",
        cooldown_seconds=1.5,
        revision=4,
    )
    add(store, plain, full)
    assert [plain, full, None] == store.read(lambda tx: [tx.rule(id_) for id_ in (plain.id, full.id, "none")])
    assert [plain] == store.read(lambda tx: tx.enabled_rules())
    assert (2, 0) == store.read(lambda tx: (tx.count_rules("local"), tx.count_rules("ann")))


def test_a_change_is_the_next_revision_or_none_and_keeps_what_was_counted(store: Store) -> None:
    add(store, a_rule())
    first, second = (replace(a_rule(), name=name, revision=1) for name in ("first", "second"))
    store.write(lambda tx: tx.add_firing(a_firing()))
    assert [True, False] == [store.write(lambda tx, r=each: tx.save_rule(r)) for each in (first, second)]
    assert replace(first, fired=1, last_fired_at=START) == store.read(lambda tx: tx.rule(first.id))


def test_pages_are_newest_first_and_only_of_who_may_see_them(store: Store) -> None:
    add(store, *(a_rule(number, owner="ann" if number % 2 else "bob") for number in range(1, 8)))

    def numbers(**where):
        page = store.read(lambda tx: tx.rules(**where))
        return [int(each.id[-3:]) for each in page.rules], page.total, page.next_cursor

    first, total, cursor = numbers(visible_to=None, limit=4)
    assert ([7, 6, 5, 4], 7) == (first, total)
    assert ([3, 2, 1], 7, None) == numbers(visible_to=None, limit=4, cursor=cursor)
    first, total, cursor = numbers(visible_to="ann", limit=3)
    assert ([7, 5, 3], 4) == (first, total)
    assert ([1], 4, None) == numbers(visible_to="ann", limit=3, cursor=cursor)
    with pytest.raises(InvalidInput):
        numbers(visible_to=None, limit=4, cursor="nonsense")


def test_a_rule_begins_where_the_tasks_that_it_fits_stand(store: Store) -> None:
    add_tasks(store, a_task(1), a_task(2, type="other"), a_task(3, owner="bob"), a_task(4, status=Status.RUNNING))
    store.write(lambda tx: [say(tx, task_id(4)), say(tx, task_id(4))])
    store.write(lambda tx: say(tx, task_id(1), EventType.STATUS_CHANGE, {"status": "cancelled", "message": ""}))
    everybodys, anns = a_rule(1), a_rule(2, everyone=False, match=Match(type="training"), owner="bob")
    add(store, everybodys, anns)
    store.write(lambda tx: [tx.begin_marks(rule) for rule in (everybodys, anns)])
    marks = {number: store.read(lambda tx, n=number: tx.marks(task_id(n))) for number in range(1, 5)}
    assert [] == marks[1]
    assert [Mark(everybodys.id, task_id(2))] == marks[2]
    assert {everybodys.id, anns.id} == {mark.rule_id for mark in marks[3]}
    assert [Mark(everybodys.id, task_id(4), 2)] == marks[4]
    store.write(lambda tx: tx.begin_marks(replace(everybodys, enabled=False)))
    assert [anns.id] == store.read(lambda tx: [mark.rule_id for mark in tx.marks(task_id(3))])


def test_a_mark_keeps_what_the_rule_remembers_and_goes_with_its_task_and_its_rule(store: Store) -> None:
    ended = {"status": Status.COMPLETED}
    add_tasks(store, *(a_task(number, **ended) for number in (1, 2, 3)))
    add(store, a_rule(1), a_rule(2))
    memory = Memory(True, 3, START, -0.5, 2, 1, 40)
    kept = Mark(task_id(1), task_id(1), 7, memory)
    store.write(lambda tx: tx.save_marks([Mark(task_id(1), task_id(1)), Mark(task_id(2), task_id(1), 9)]))
    store.write(lambda tx: tx.save_marks([kept, Mark("none", task_id(1)), Mark(task_id(1), "none")]))
    assert {kept, Mark(task_id(2), task_id(1), 9)} == set(store.read(lambda tx: tx.marks(task_id(1))))
    store.write(lambda tx: tx.save_marks([Mark(task_id(1), task_id(2)), Mark(task_id(1), task_id(3))]))
    store.write(lambda tx: tx.delete_rule(task_id(2)))
    store.write(lambda tx: tx.delete_task(task_id(2)))
    store.write(lambda tx: tx.drop_marks(task_id(3)))
    left = store.read(lambda tx: [mark for number in (1, 2, 3) for mark in tx.marks(task_id(number))])
    assert [kept] == left


def test_tasks_with_more_than_was_looked_at_are_found(store: Store) -> None:
    add_tasks(store, *(a_task(number, status=Status.RUNNING) for number in (1, 2, 3)))
    add(store, a_rule(1), a_rule(2))
    store.write(lambda tx: tx.begin_marks(a_rule(1)))
    assert [] == store.read(lambda tx: tx.behind_marks(limit=9))
    store.write(lambda tx: [say(tx, task_id(number)) for number in (1, 3)])
    store.write(lambda tx: tx.save_marks([Mark(task_id(2), task_id(1))]))
    assert [task_id(1), task_id(3)] == store.read(lambda tx: tx.behind_marks(limit=9))
    assert [task_id(1)] == store.read(lambda tx: tx.behind_marks(limit=1))
    store.write(lambda tx: tx.save_marks([Mark(task_id(1), task_id(3), 1), Mark(task_id(1), task_id(1), 1)]))
    assert [task_id(1)] == store.read(lambda tx: tx.behind_marks(limit=9))


def test_new_tasks_are_found_since_the_rule_that_has_seen_the_fewest(store: Store) -> None:
    assert store.read(lambda tx: tx.rules_watched_at()) is None
    add(store, a_rule(1), a_rule(5), a_rule(0, enabled=False))
    assert START + SECOND == store.read(lambda tx: tx.rules_watched_at())
    store.write(lambda tx: tx.watched(START + 3 * SECOND))
    assert START + 3 * SECOND == store.read(lambda tx: tx.rules_watched_at())
    store.write(lambda tx: tx.watched(START + 2 * SECOND))
    assert START + 3 * SECOND == store.read(lambda tx: tx.rules_watched_at())
    add_tasks(store, *(a_task(number) for number in (4, 2, 3)))
    found = store.read(lambda tx: tx.created_since(START + 3 * SECOND))
    assert [(task_id(n), START + n * SECOND) for n in (3, 4)] == found


def test_an_event_fires_a_rule_once(store: Store) -> None:
    add(store, a_rule(1), a_rule(2))
    made = [
        a_firing(1),
        a_firing(1, reason="again"),
        a_firing(2),
        a_firing(1, task_id="u"),
        a_firing(1, rule_id=task_id(2)),
    ]
    assert [True, False, True, True, True] == [store.write(lambda tx, f=each: tx.add_firing(f)) for each in made]
    assert [made[3], made[2], made[0]] == store.read(lambda tx: tx.firings(task_id(1), limit=9))
    assert [made[3]] == store.read(lambda tx: tx.firings(task_id(1), limit=1))
    assert (3, START) == store.read(lambda tx: (tx.rule(task_id(1)).fired, tx.rule(task_id(1)).last_fired_at))
    made[2] = replace(made[2], outcome="stopped")
    store.write(lambda tx: tx.note_outcome(made[2]))
    assert [made[3], made[2], made[0]] == store.read(lambda tx: tx.firings(task_id(1), limit=9))
    store.write(lambda tx: tx.trim_firings(task_id(1), keep=1, before=START))
    assert 3 == len(store.read(lambda tx: tx.firings(task_id(1), limit=9)))
    store.write(lambda tx: tx.trim_firings(task_id(1), keep=1, before=START + SECOND))
    assert [made[3]] == store.read(lambda tx: tx.firings(task_id(1), limit=9))
    store.write(lambda tx: tx.delete_rule(task_id(1)))
    assert ([], 1) == store.read(lambda tx: (tx.firings(task_id(1), limit=9), tx.rule(task_id(2)).fired))


def test_deliveries_come_when_they_are_due_and_go_with_their_rule(store: Store) -> None:
    add(store, a_rule(1), a_rule(2))
    assert store.read(lambda tx: tx.next_delivery_at()) is None
    made = [a_delivery(3), a_delivery(1, rule_id=task_id(2)), a_delivery(2)]
    store.write(lambda tx: [tx.add_delivery(each) for each in made])
    assert START + SECOND == store.read(lambda tx: tx.next_delivery_at())
    assert [made[1], made[2]] == store.read(lambda tx: tx.due_deliveries(START + 2 * SECOND, limit=9))
    assert [made[1]] == store.read(lambda tx: tx.due_deliveries(START + 9 * SECOND, limit=1))
    others = store.read(lambda tx: tx.due_deliveries(START + 9 * SECOND, without_rules=[task_id(2), "x"], limit=9))
    assert [made[2], made[0]] == others
    assert (2, 1) == store.read(lambda tx: (tx.count_pending(task_id(1)), tx.count_pending(task_id(2))))
    over = replace(
        made[2], due_at=None, body="", status=DeliveryStatus.DELIVERED, attempts=2, tried_at=START, error="e"
    )
    store.write(lambda tx: [tx.save_delivery(each) for each in (over, a_delivery(99))])
    assert [replace(made[0], body=""), over] == store.read(lambda tx: tx.deliveries(task_id(1), limit=9))
    store.write(lambda tx: tx.trim_deliveries(task_id(1), keep=1))
    assert ["d3"] == store.read(lambda tx: [each.id for each in tx.deliveries(task_id(1), limit=9)])
    store.write(lambda tx: tx.delete_rule(task_id(2)))
    assert [made[0]] == store.read(lambda tx: tx.due_deliveries(START + 9 * SECOND, limit=9))
