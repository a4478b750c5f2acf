"""Rules as their owners make and change them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.domain.permission import LOCAL, Principal, Role
from api.domain.rule import Condition, Kind, Match, Reaction, ReactionKind
from api.errors import Conflict, Forbidden, InvalidInput, NotFound
from api.services import rules
from tests.unit.services.rule_world import FAILED, LOSS, NOTIFY, PAUSE, STOP, WEBHOOK, RuleWorld

ANN = Principal("ann", Role.OPERATOR)
BOB = Principal("bob", Role.OPERATOR)
VIEWER = Principal("ann", Role.VIEWER)
EVERY_TASK = Match()


@pytest.fixture
def world():
    return RuleWorld()


def create(world, *actions, principal=ANN, condition=FAILED, match=EVERY_TASK, secret=None, **options):
    return world.rules.create(principal, condition, match, actions, options, secret=secret)


def test_what_becomes_of_a_rule_is_announced_to_its_owner(world):
    rule = create(world, name="n").rule
    world.rules.edit(ANN, rule.id, {"name": "m"}, match={})
    world.rules.toggle(ANN, rule.id)
    world.rules.toggle(ANN, rule.id, enabled=False)
    world.rules.toggle(ANN, rule.id)
    world.rules.delete(ANN, rule.id)
    assert {("rule_change", "ann", rule.id)} == {(each.type, each.owner, each.fields["rule_id"]) for each in world.said}
    assert [
        ("created", "n", True),
        ("updated", "m", True),
        ("toggled", "m", False),
        ("toggled", "m", False),
        ("toggled", "m", True),
        ("deleted", "m", True),
    ] == [
        (each.fields["action"], each.fields["details"]["name"], each.fields["details"]["enabled"])
        for each in world.said
    ]


def test_what_is_refused_is_announced_to_nobody(world):
    with pytest.raises(InvalidInput):
        create(world, STOP)
    with pytest.raises(NotFound):
        world.rules.delete(ANN, "none")
    assert [] == world.said


def test_who_may_not_see_a_rule_finds_none(world):
    rule_id = create(world).rule.id
    for ask in (
        lambda: world.rules.view(BOB, rule_id),
        lambda: world.rules.edit(BOB, rule_id, {"name": "x"}, match={}),
        lambda: world.rules.toggle(BOB, rule_id),
        lambda: world.rules.delete(BOB, rule_id),
        lambda: world.rules.firings(BOB, rule_id, limit=1),
        lambda: world.rules.deliveries(BOB, rule_id, limit=1),
    ):
        with pytest.raises(NotFound, match="no such rule"):
            ask()
    assert ([], [rule_id]) == tuple(
        [view.rule.id for view in world.rules.page(who, limit=9, cursor=None).views] for who in (BOB, LOCAL)
    )


def test_a_viewer_reads_and_changes_nothing(world):
    rule_id = create(world).rule.id
    assert rule_id == world.rules.view(VIEWER, rule_id).rule.id
    for ask in (
        lambda: create(world, principal=VIEWER),
        lambda: world.rules.edit(VIEWER, rule_id, {"name": "x"}, match={}),
        lambda: world.rules.toggle(VIEWER, rule_id),
        lambda: world.rules.delete(VIEWER, rule_id),
    ):
        with pytest.raises(Forbidden):
            ask()


def flaws(world, *actions, **options):
    with pytest.raises(InvalidInput) as caught:
        create(world, *actions, **options)
    return [flaw.loc for flaw in caught.value.flaws]


def test_each_flaw_is_named(world):
    bad = Reaction(ReactionKind.WEBHOOK, "http://127.0.0.1/")
    assert [("actions", 1, "url")] == flaws(world, NOTIFY, bad)
    assert [("actions",)] == flaws(world, NOTIFY, NOTIFY)
    assert [("actions",)] == flaws(world, PAUSE, STOP, condition=LOSS)
    assert [("actions", 0)] == flaws(world, STOP, condition=Condition(Kind.ENDED))
    assert [("match", "owner")] == flaws(world, match=Match(owner="bob"))
    assert [("actions", 0), ("actions", 1, "url"), ("match", "owner")] == flaws(
        world, PAUSE, bad, match=Match(owner="bob")
    )
    assert create(world, match=Match(owner="ann")).rule.match.owner == "ann"
    assert create(world, match=Match(owner="bob"), principal=LOCAL).rule.task_owner == "bob"


def test_an_edit_is_checked_as_a_whole_and_the_match_merged(world):
    rule_id = create(world, STOP, condition=LOSS, match=Match("x", "t")).rule.id
    with pytest.raises(InvalidInput, match="cannot stop"):
        world.rules.edit(ANN, rule_id, {"condition": FAILED}, match={})
    edited = world.rules.edit(ANN, rule_id, {"cooldown_seconds": 5.0}, match={"type": None, "owner": "ann"}).rule
    assert (Match(None, "t", "ann"), 5.0, (STOP,), LOSS) == (
        edited.match,
        edited.cooldown_seconds,
        edited.actions,
        edited.condition,
    )


def test_a_secret_is_made_once_and_told_once(world):
    made = create(world, WEBHOOK)
    assert made.new_secret == made.rule.secret
    assert len(made.new_secret) >= 32
    assert world.rules.view(ANN, made.rule.id).new_secret is None
    edited = world.rules.edit(ANN, made.rule.id, {"actions": (replace(WEBHOOK, url="https://b.example/"),)}, match={})
    assert (None, made.rule.secret) == (edited.new_secret, edited.rule.secret)
    given = world.rules.edit(ANN, made.rule.id, {"actions": (WEBHOOK,)}, match={}, secret="g" * 16)
    assert (None, "g" * 16) == (given.new_secret, given.rule.secret)
    assert "" == world.rules.edit(ANN, made.rule.id, {"actions": ()}, match={}).rule.secret
    assert world.rules.edit(ANN, made.rule.id, {"actions": (WEBHOOK,)}, match={}).new_secret


def test_an_owner_has_so_many_rules_at_most(world, monkeypatch):
    monkeypatch.setattr(rules, "RULES_MAX", 2)
    for _ in range(2):
        create(world)
    with pytest.raises(Conflict, match="2 rules of yours"):
        create(world)
    create(world, principal=BOB)
