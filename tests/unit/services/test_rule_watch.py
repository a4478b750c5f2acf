"""What the watch finds, what it does then, and that it does it once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from api.domain.lifecycle import Status
from api.domain.permission import LOCAL, Principal, Role
from api.domain.rule import Condition, DeliveryStatus, Kind, Match
from api.errors import Unavailable
from api.ports import TaskFilter
from api.runtime.threads import ThreadRuntime
from api.services import reactions, rule_watch
from api.services.submit import Submission
from api.store.memory import MemoryStore
from api.store.sql import SqlStore
from tests.support.stores import sqlite_url
from tests.unit.services.rule_world import FAILED, LOSS, NOTIFY, PAUSE, STOP, WEBHOOK, RuleWorld

ANN = Principal("ann", Role.OPERATOR)
BOB = Principal("bob", Role.OPERATOR)


@pytest.fixture(params=["memory", "sqlite"])
def world(request, tmp_path):
    store = MemoryStore() if request.param == "memory" else SqlStore(sqlite_url(tmp_path), ThreadRuntime())
    with closing(store):
        yield RuleWorld(store)


def test_a_bell_leads_to_a_firing_that_is_announced(world):
    rule_id = world.rule(FAILED, NOTIFY, name="mine")
    task_id = world.external(name="night")
    world.fail(task_id)
    assert [] == world.fired(rule_id)
    world.watch.step()
    assert [(task_id, 2)] == world.fired(rule_id)
    created, alert, notification = world.said
    assert ("rule_change", "created") == (created.type, created.fields["action"])
    about = f"night ({task_id[:8]}): failed: boom"
    expected = {"alert_type": "failed", "title": "mine", "message": about, "severity": "error"}
    assert ("alert", "local", expected) == (alert.type, alert.owner, alert.fields)
    expected = {"user_id": "local", "title": "mine", "body": about, "action_url": f"/tasks/{task_id}"}
    assert ("notification", "local", expected) == (notification.type, notification.owner, notification.fields)
    assert [] == world.marks(task_id)


def test_without_an_action_there_is_an_alert_alone(world):
    world.rule(FAILED)
    world.fail(world.external())
    world.watch.step()
    assert ["rule_change", "alert"] == world.said.types()


def test_only_what_fits_is_looked_at(world):
    by_type = world.rule(FAILED, match=Match(type="away"))
    by_other_type = world.rule(FAILED, match=Match(type="x"))
    by_tag = world.rule(FAILED, match=Match(tag="a"))
    by_owner = world.rule(FAILED, match=Match(owner="local"))
    by_other_owner = world.rule(FAILED, match=Match(owner="ann"))
    by_all = world.rule(FAILED, match=Match("away", "a", "local"))
    tagged, plain = world.external(tags=("a", "b")), world.external()
    for task_id in (tagged, plain):
        world.fail(task_id)
    world.watch.step()
    fired = {
        rule_id: [task_id for task_id, _ in world.fired(rule_id)] for rule_id in (by_type, by_tag, by_owner, by_all)
    }
    both = sorted([tagged, plain])
    assert {by_type: both, by_tag: [tagged], by_owner: both, by_all: [tagged]} == {
        rule_id: sorted(tasks) for rule_id, tasks in fired.items()
    }
    assert [[], []] == [world.fired(rule_id) for rule_id in (by_other_type, by_other_owner)]


def test_an_owners_rule_sees_the_owners_tasks_and_an_admins_all(world):
    anns, everybodys = world.rule(FAILED, principal=ANN), world.rule(FAILED, principal=LOCAL)
    tasks = {}
    for principal in (ANN, BOB):
        tasks[principal] = world.submitter.submit(principal, Submission("away"))[0].id
        world.fail(tasks[principal])
    world.watch.step()
    assert [tasks[ANN]] == [task_id for task_id, _ in world.fired(anns)]
    assert set(tasks.values()) == {task_id for task_id, _ in world.fired(everybodys)}


def test_a_rule_begins_with_what_is_reported_after_it(world):
    before, ended = world.external(), world.external()
    world.report(before, 9)
    world.fail(ended)
    rule_id, failed = world.rule(LOSS), world.rule(FAILED)
    world.sweep()
    assert ([], []) == (world.fired(rule_id), world.fired(failed))
    world.report(before, 9)
    world.watch.step()
    assert [(before, 3)] == world.fired(rule_id)


def test_it_fires_again_only_after_it_was_false_whenever_the_looks_come(world):
    rule_id, task_id = world.rule(LOSS), world.external()
    for loss in (2, 2, 0, 2, 2):
        world.report(task_id, loss)
        world.watch.step()
    assert [(task_id, 2), (task_id, 5)] == world.fired(rule_id)


def test_what_was_committed_and_not_looked_at_is_found_by_the_next_process(world):
    """Killed between the commit of the event and that of the firing: with a mark, and of a task that is new."""
    rule_id, failed = world.rule(LOSS), world.rule(FAILED)
    old = world.external()
    world.report(old, 0)
    world.watch.step()
    world.bells.deaf = True
    new = world.external()
    for task_id in (old, new):
        world.report(task_id, 2)
        world.fail(task_id)
    world.start()
    world.watch.step()
    assert {(old, 3), (new, 2)} == set(world.fired(rule_id))
    assert {(old, 4), (new, 3)} == set(world.fired(failed))
    assert [[], []] == [world.marks(task_id) for task_id in (old, new)]


def test_what_was_done_is_not_done_again_by_the_next_process(world):
    rule_id, task_id = world.rule(LOSS, WEBHOOK, STOP), world.external()
    world.report(task_id, 2)
    world.watch.step()
    said, events = len(world.said), len(world.events(task_id))
    for _ in range(2):
        world.start()
        world.watch.step()
        world.sweep()
    assert ([(task_id, 2)], 1) == (world.fired(rule_id), len(world.deliveries(rule_id)))
    assert (said, events) == (len(world.said), len(world.events(task_id)))


def test_the_row_of_a_firing_is_the_last_guard(world):
    """Whatever became of the marks."""
    rule_id, task_id = world.rule(LOSS, WEBHOOK), world.external()
    world.report(task_id, 2)
    world.watch.step()
    world.store.write(lambda tx: tx.drop_marks(task_id))
    world.start()
    world.watch.step()
    assert ([(task_id, 2)], 1) == (world.fired(rule_id), len(world.deliveries(rule_id)))
    assert 1 == world.rules.view(LOCAL, rule_id).rule.fired


def test_a_lost_bell_and_events_of_other_processes_are_found_by_the_sweep(world):
    rule_id, task_id = world.rule(FAILED), world.external()
    world.watch.step()
    world.bells.deaf = True
    world.fail(task_id)
    world.watch.step()
    assert [] == world.fired(rule_id)
    world.sweep()
    assert [(task_id, 2)] == world.fired(rule_id)


def test_who_stands_by_does_nothing_until_it_is_its_turn(world):
    rule_id, task_id = world.rule(FAILED), world.external()
    world.holds = False
    world.fail(task_id)
    assert rule_watch.STANDBY_SECONDS == world.watch.step()
    assert [] == world.fired(rule_id)
    world.holds = True
    world.watch.step()
    assert [(task_id, 2)] == world.fired(rule_id)


@pytest.mark.parametrize("off", ["disabled", "toggled", "deleted", "looks elsewhere"])
def test_a_rule_that_is_off_does_not_fire_even_for_what_it_was_about_to(world, off):
    rule_id, task_id = world.rule(FAILED, WEBHOOK), world.external()
    world.fail(task_id)  # heard of, not looked at
    {
        "disabled": lambda: world.rules.edit(LOCAL, rule_id, {"enabled": False}, match={}),
        "toggled": lambda: world.rules.toggle(LOCAL, rule_id),
        "deleted": lambda: world.rules.delete(LOCAL, rule_id),
        "looks elsewhere": lambda: world.rules.edit(LOCAL, rule_id, {}, match={"type": "x"}),
    }[off]()
    world.watch.step()
    assert ([], []) == (world.fired(rule_id), world.deliveries(rule_id))


def test_a_rule_that_changes_while_its_firing_is_written_leaves_it_to_what_it_is_then(world, monkeypatch):
    """By another process, say: the look was made with a revision that is gone."""
    rule_id, failed, task_id = world.rule(LOSS), world.rule(FAILED), world.external()
    world.report(task_id, 5)
    record, changed = reactions.Reactions.record, []

    def late(self, tx, looks):
        if not changed:
            old = tx.rule(rule_id)
            new = replace(old, name="late", revision=old.revision + 1)
            changed.append(tx.save_rule(new))
        return record(self, tx, looks)

    monkeypatch.setattr(reactions.Reactions, "record", late)
    world.watch.step()
    assert [(task_id, 2)] == world.fired(rule_id)
    assert [] == world.fired(failed)
    world.fail(task_id)
    world.watch.step()
    assert [(task_id, 3)] == world.fired(failed)


def test_on_again_it_begins_anew(world):
    rule_id, task_id = world.rule(LOSS), world.external()
    world.report(task_id, 2)
    world.watch.step()
    world.rules.toggle(LOCAL, rule_id)
    world.watch.step()
    world.report(task_id, 0, 2)
    world.watch.step()
    world.rules.toggle(LOCAL, rule_id)
    world.watch.step()
    world.report(task_id, 2)
    world.watch.step()
    assert [(task_id, 2), (task_id, 5)] == world.fired(rule_id)


def test_another_name_or_action_does_not_begin_anew(world):
    rule_id, task_id = world.rule(LOSS), world.external()
    world.report(task_id, 2)
    world.watch.step()
    world.rules.edit(LOCAL, rule_id, {"name": "other", "actions": (NOTIFY,), "cooldown_seconds": 1.0}, match={})
    world.report(task_id, 2)
    world.watch.step()
    assert [(task_id, 2)] == world.fired(rule_id)


def running(world):
    """A task that a worker of this server holds."""
    world.submit()
    return world.take().task.id


@pytest.mark.parametrize(
    ("action", "done", "status", "pending"),
    [(PAUSE, "paused", "pausing", "pause"), (STOP, "stopped", "cancelling", "cancel")],
)
def test_a_command_is_given_with_a_line_that_says_why(world, action, done, status, pending):
    rule_id, task_id = world.rule(LOSS, action, name="guard"), running(world)
    woken = world.woken
    world.report(task_id, 2)
    world.watch.step()
    line, received = world.events(task_id)[-2:]
    assert f'rule "guard" {done} this task: loss is 2, above 1' == line.data["message"]
    assert (status, pending) == (received.data["message"], world.task(task_id).pending_command)
    assert (done, woken + 1) == (world.firings(rule_id)[0].outcome, world.woken)


def test_an_external_task_is_stopped_with_the_line_before_its_end(world):
    rule_id, task_id = world.rule(LOSS, STOP), world.external()
    world.report(task_id, 2)
    world.watch.step()
    line, end = world.events(task_id)[-2:]
    assert ("log", "cancelled") == (line.type, end.data["status"])
    assert "stopped" == world.firings(rule_id)[0].outcome


def test_a_command_that_comes_too_late_or_cannot_be_is_told(world):
    late, pause = world.rule(LOSS, STOP), world.rule(Condition(Kind.METRIC, metric="acc", bound=0.0), PAUSE, name="p")
    ended, elsewhere = world.external(), world.external()
    world.report(ended, 2)
    world.emitter.emit(ended, "status_change", {"status": "completed"})
    world.emitter.emit(elsewhere, "iteration_complete", {"metrics": {"acc": 1}})
    world.watch.step()
    assert "could not be stopped: a completed task cannot be cancelled" == world.firings(late)[0].outcome
    assert world.firings(pause)[0].outcome.startswith("could not be paused: the task runs elsewhere")
    said = world.events(elsewhere)[-1].data["message"]
    assert said.startswith('rule "p" fired: acc is 1, above 0; the task could not be paused: the task runs elsewhere')
    assert Status.RUNNING is world.task(elsewhere).status


def test_the_webhook_is_told_what_happened_and_no_secrets(world):
    rule_id = world.rule(LOSS, WEBHOOK, name="n", secret="s" * 16)
    task_id = world.external(params={"password": "hush"})
    world.report(task_id, 2)
    world.watch.step()
    (delivery,) = world.store.read(lambda tx: tx.due_deliveries(world.clock(), limit=9))
    assert (rule_id, task_id, DeliveryStatus.PENDING, 1) == (
        delivery.rule_id,
        delivery.task_id,
        delivery.status,
        world.delivering,
    )
    assert "hush" not in delivery.body
    assert "s" * 16 not in delivery.body
    assert f'"delivery_id":"{delivery.id}"' in delivery.body


def test_the_calls_that_wait_are_bounded(world, monkeypatch):
    monkeypatch.setattr(reactions, "PENDING_MAX", 2)
    rule_id, task_id = world.rule(LOSS, WEBHOOK), world.external()
    world.report(task_id, *[2, 0] * 4)
    world.watch.step()
    statuses = [each.status for each in world.deliveries(rule_id)]
    assert (2, 2) == (statuses.count(DeliveryStatus.PENDING), statuses.count(DeliveryStatus.GIVEN_UP))
    assert 4 == len(world.fired(rule_id))


def test_a_flood_is_looked_at_in_parts_and_wholly(world, monkeypatch):
    monkeypatch.setattr(rule_watch, "EVENTS_TOGETHER", 7)
    monkeypatch.setattr(rule_watch, "TASKS_TOGETHER", 2)
    rule_id = world.rule(LOSS)
    tasks = [world.external() for _ in range(5)]
    for task_id in tasks:
        world.report(task_id, *[0, 2] * 10)
    world.watch.step()
    expected = {(task_id, seq) for task_id in tasks for seq in range(3, 22, 2)}
    assert expected == set(world.fired(rule_id))


def test_more_tasks_than_can_wait_are_found_all_the_same(world, monkeypatch):
    monkeypatch.setattr(rule_watch, "RUNG_MAX", 3)
    rule_id = world.rule(FAILED)
    tasks = [world.external() for _ in range(8)]
    for task_id in tasks:
        world.fail(task_id)
    for _ in range(4):
        world.sweep()
    assert set(tasks) == {task_id for task_id, _ in world.fired(rule_id)}


def test_without_rules_no_bell_is_kept_and_nothing_is_marked(world):
    rule_id = world.rule(FAILED)
    world.rules.delete(LOCAL, rule_id)
    world.watch.step()
    task_id = world.external()
    world.fail(task_id)
    assert ({}, []) == (world.watch._rung, world.marks(task_id))


def test_what_no_rule_is_about_wakes_nobody(world):
    world.rule(FAILED, match=Match(type="x"))
    other = world.external()
    world.emitter.emit(other, "progress", {"current_iteration": 1})
    world.watch.step()
    world.sweep()
    world.emitter.emit(other, "error", {"error": "boom"})
    assert {} == world.watch._rung


def test_when_the_journal_is_away_nothing_is_forgotten(world, monkeypatch):
    rule_id, task_id = world.rule(FAILED), world.external()
    world.watch.step()
    world.fail(task_id)

    def away(work):
        raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "write", away)
        with pytest.raises(Unavailable):
            world.watch.step()
    world.watch.step()
    assert [(task_id, 2)] == world.fired(rule_id)


def test_a_task_that_is_deleted_meanwhile_is_passed_over(world):
    rule_id, task_id = world.rule(FAILED), world.external()
    world.fail(task_id)
    world.store.write(lambda tx: tx.delete_task(task_id))
    world.watch.step()
    assert [] == world.fired(rule_id)
    assert 0 == world.store.read(lambda tx: tx.tasks(TaskFilter(), limit=1)).total
