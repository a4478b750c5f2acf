"""The writers of state: one transaction for the change and its event, the bell after the commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.domain.event import Draft, EventType, rfc3339
from api.domain.lifecycle import Command, Status
from api.domain.permission import LOCAL, Principal, Role
from api.errors import Conflict, Forbidden, InvalidInput, NotFound, StaleLease
from api.ports import Ending, Outcome
from api.services.grant import Grant, Grants, Limits
from api.services.submit import Submission
from tests.support.stores import a_task
from tests.unit.services.world import World

LINE = Draft(EventType.LOG, {"level": "info", "message": "x"})


@pytest.fixture
def world():
    return World()


def test_a_submitted_task_is_pending_and_its_first_event_says_so(world):
    task = world.submit(name="panel")
    (event,) = world.events(task.id)
    assert (1, "pending") == (event.seq, event.data["status"])
    assert (task, 1) == (world.task(task.id), world.woken)
    assert [(task.id, 1, (event,))] == [(bell.task_id, bell.last_seq, bell.events) for bell in world.bells]


def test_nobody_is_told_of_what_was_not_committed(world):
    task = world.submit()
    rung = len(world.bells)
    with pytest.raises(Conflict):
        world.publisher.publish(task.id, [LINE, Draft(EventType.STATUS_CHANGE, {"status": "completed"})])
    assert (rung, 1) == (len(world.bells), len(world.events(task.id)))


def test_the_same_key_and_request_make_one_task(world):
    first, again = world.submit("k", name="a"), world.submit("k", name="a")
    assert first.id == again.id
    assert 1 == len(world.bells)


def test_the_same_key_for_another_request_is_a_conflict(world):
    world.submit("k", name="a")
    with pytest.raises(Conflict, match="Idempotency-Key"):
        world.submit("k", name="b")


def test_an_unknown_type_is_named_with_those_there_are(world):
    with pytest.raises(InvalidInput, match="unknown type 'y': one of away, x"):
        world.submitter.submit(LOCAL, Submission("y"))


def test_who_may_only_look_cannot_submit_and_who_may_not_see_finds_nothing(world):
    task = world.submit()
    with pytest.raises(Forbidden):
        world.submitter.submit(Principal("ada", Role.VIEWER), Submission("x"))
    for stranger in (Principal("ada", Role.VIEWER), Principal("ada", Role.OPERATOR)):
        with pytest.raises(NotFound):
            world.controller.control(stranger, task.id, Command.CANCEL)
        with pytest.raises(NotFound):
            world.queries.view(stranger, task.id)


def test_grants_go_to_the_highest_priority_then_the_oldest(world):
    names = [world.submit(name="old"), world.submit(name="young"), world.submit(name="urgent", priority=3)]
    assert 3 == len(names)
    assert ["urgent", "old", "young"] == [world.take().task.name for _ in range(3)]
    assert world.take() is None


def test_a_report_under_an_older_lease_is_refused(world):
    task = world.submit()
    late = world.take()
    world.grants.recover()
    world.take()
    with pytest.raises(StaleLease):
        world.publisher.publish(task.id, [LINE], lease_id=late.lease_id)
    with pytest.raises(StaleLease):
        world.grants.finish(late, Outcome(Ending.COMPLETED, result={}), None)
    assert Status.RUNNING is world.task(task.id).status


def test_a_restart_uses_no_attempt_up(world):
    task = world.submit()
    for _ in range(3):
        assert 1 == world.take().task.attempt
        world.grants.recover()
    assert (Status.PENDING, None) == (world.task(task.id).status, world.task(task.id).lease_id)


def test_a_task_that_was_being_cancelled_is_cancelled_by_recovery(world):
    task = world.submit()
    world.take()
    world.controller.control(LOCAL, task.id, Command.CANCEL)
    world.grants.recover()
    assert Status.CANCELLED is world.task(task.id).status


def test_a_paused_task_stays_paused_over_a_restart_and_is_queued_when_resumed(world):
    task = world.submit()
    grant = world.take()
    world.controller.control(LOCAL, task.id, Command.PAUSE)
    world.grants.took_effect(grant, "paused")
    world.grants.recover()
    assert Status.PAUSED is world.task(task.id).status
    assert Status.PENDING is world.controller.control(LOCAL, task.id, Command.RESUME).status
    assert world.take() is not None


def test_a_pause_can_be_withdrawn_before_it_takes_effect(world):
    task = world.submit()
    world.take()
    assert "pause" == world.controller.control(LOCAL, task.id, Command.PAUSE).pending_command
    assert world.controller.control(LOCAL, task.id, Command.RESUME).pending_command is None


def test_asking_twice_is_one_event(world):
    task = world.submit()
    world.take()
    world.controller.control(LOCAL, task.id, Command.CANCEL)
    events = len(world.events(task.id))
    world.controller.control(LOCAL, task.id, Command.CANCEL)
    assert events == len(world.events(task.id))


def test_a_task_that_is_being_cancelled_takes_no_other_command(world):
    task = world.submit()
    world.take()
    world.controller.control(LOCAL, task.id, Command.CANCEL)
    with pytest.raises(Conflict, match="is being cancelled"):
        world.controller.control(LOCAL, task.id, Command.PAUSE)


def test_a_failed_attempt_waits_before_the_next_and_can_be_cancelled_meanwhile(world):
    task = world.submit(max_attempts=3)
    world.grants.finish(world.take(), Outcome(Ending.FAILED, error="again"), None)
    waiting = world.task(task.id)
    told = world.events(task.id)[-1].data
    assert (rfc3339(waiting.due_at), "pending", 1, "again") == (
        told["retry_at"],
        told["status"],
        told["attempt"],
        told["error"],
    )
    assert world.take() is None
    assert world.queries.view(LOCAL, task.id).queue_position is None
    assert 0 < world.grants.take(1)[1] <= 60
    world.now = waiting.due_at
    assert 2 == world.take().task.attempt
    assert world.task(task.id).due_at is None
    running = world.task(task.id)
    world.grants.finish(Grant(running, running.lease_id), Outcome(Ending.FAILED, error="again"), None)
    assert Status.CANCELLED is world.controller.control(LOCAL, task.id, Command.CANCEL).status


def paused(world, **options):
    """The grant of a task that has paused at its worker."""
    task = world.submit(**options)
    grant = world.take()
    world.controller.control(LOCAL, task.id, Command.PAUSE)
    world.grants.took_effect(grant, "paused")
    return grant


def test_a_pause_says_how_long_it_took(world):
    grant = paused(world)
    told = world.events(grant.task.id)[-1].data
    assert ("paused", 1.0) == (told["status"], told["took_seconds"])  # the clock goes a second at each look
    world.controller.control(LOCAL, grant.task.id, Command.RESUME)
    world.grants.took_effect(grant, "running")
    told = world.events(grant.task.id)[-1].data
    assert ("running", 1.0) == (told["status"], told["took_seconds"])
    with pytest.raises(StaleLease):
        world.grants.took_effect(Grant(grant.task, "another"), "paused")


def test_a_task_that_leaves_its_worker_stays_paused_and_goes_on_in_the_same_attempt(world):
    grant = paused(world)
    world.grants.finish(grant, Outcome(Ending.PAUSED), None)
    task = world.task(grant.task.id)
    assert (Status.PAUSED, None, None, 0) == (task.status, task.lease_id, task.worker, task.attempt)
    assert world.take() is None
    assert Status.PENDING is world.controller.control(LOCAL, task.id, Command.RESUME).status
    assert Status.PENDING is world.controller.control(LOCAL, task.id, Command.RESUME).status
    again = world.take()
    assert (task.id, 1, True) == (again.task.id, again.task.attempt, again.lease_id != grant.lease_id)
    with pytest.raises(StaleLease):
        world.publisher.publish(task.id, [LINE], lease_id=grant.lease_id)


@pytest.mark.parametrize("ending", [Ending.PAUSED, Ending.LOST])
@pytest.mark.parametrize(
    ("command", "status"),
    [(None, Status.PAUSED), (Command.RESUME, Status.PENDING), (Command.CANCEL, Status.CANCELLED)],
)
def test_what_is_asked_of_a_paused_task_while_it_leaves_is_done(world, ending, command, status):
    grant = paused(world)
    if command is not None:
        world.controller.control(LOCAL, grant.task.id, command)
    world.grants.finish(grant, Outcome(ending), None)
    task = world.task(grant.task.id)
    assert (status, None, None) == (task.status, task.pending_command, task.lease_id)


def test_an_attempt_that_is_lost_with_its_server_goes_on_at_once(world):
    task = world.submit(max_attempts=3)
    world.grants.finish(world.take(), Outcome(Ending.LOST), None)
    assert (None, 0) == (world.task(task.id).due_at, world.task(task.id).attempt)
    assert 1 == world.take().task.attempt


def test_a_task_starts_at_its_time_and_not_before(world):
    at = world.now + timedelta(minutes=5)
    later, past = world.submit(run_at=at), world.submit(run_at=world.now - timedelta(days=1))
    assert (at, at, f"waiting until {rfc3339(at)}") == (later.run_at, later.due_at, later.message)
    assert (None, "waiting for a free worker") == (past.due_at, past.message)
    assert past.id == world.take().task.id
    assert world.take() is None
    world.now = at
    assert later.id == world.take().task.id
    with pytest.raises(InvalidInput, match="external"):
        world.submit(kind="away", run_at=at)


def test_limits_name_the_types_and_owners_of_which_no_more_may_run():
    kinds = [("x", "a"), ("x", "a"), ("y", "b")]
    running = [a_task(n, type=type_, owner=owner) for n, (type_, owner) in enumerate(kinds)]
    assert ([], []) == Limits().reached(running)
    assert (["x"], []) == Limits({"x": 2, "y": 2}).reached(running)
    assert (["y"], ["a"]) == Limits({"x": 3, "y": 1}, per_owner=2).reached(running)


def test_a_limit_counts_what_holds_a_worker_in_the_journal(world):
    """So that two who ask at once, one for a free slot and one at the end of an attempt, do not both get the last."""
    limited = Grants(world.store, world.publisher, world.clock, "worker-1", limits=Limits({"x": 1}))
    for kind in ("x", "x", "x"):
        world.submit(kind=kind)
    (first,), due_in = limited.take(3)
    assert ([], None, None) == (*limited.take(3), due_in)
    done = Outcome(Ending.COMPLETED)
    second = limited.finish(first, done, None, followed=True)
    assert second is not None
    assert ([], None) == limited.take(3)
    assert limited.finish(second, done, None) is None
    assert 1 == len(limited.take(3)[0])


def test_an_attempt_that_fails_is_queued_again_while_attempts_are_left(world):
    task = world.submit(max_attempts=2)
    world.grants.finish(world.take(), Outcome(Ending.FAILED, error="no luck"), None)
    pending = world.events(task.id)[-1]
    assert ("pending", "no luck", 1) == tuple(pending.data[name] for name in ("status", "error", "attempt"))
    world.now = world.task(task.id).due_at
    world.grants.finish(world.take(), Outcome(Ending.FAILED, error="again"), None)
    ended = world.events(task.id)[-1]
    assert (EventType.ERROR, "again", Status.FAILED) == (ended.type, ended.data["error"], world.task(task.id).status)


def test_an_emitted_update_changes_the_task_it_reports_of(world):
    task = world.submit()
    world.take()
    event = world.emitter.emit(task.id, "progress", {"current_iteration": 3, "max_iterations": 12, "message": "half"})
    after = world.task(task.id)
    assert (25.0, 3, 12, "half", event.seq) == (
        after.progress_percent,
        after.current_iteration,
        after.max_iterations,
        after.message,
        after.last_seq,
    )
    with pytest.raises(NotFound):
        world.emitter.emit("nobody", "log", {"message": "x"})
