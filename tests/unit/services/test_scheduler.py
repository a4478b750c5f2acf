"""What the scheduler submits, on a clock that the test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.domain.permission import LOCAL
from api.domain.schedule import CATCH_UP_MAX, MissedRuns, Overlap, Timing
from api.errors import InvalidInput
from api.ports import TaskFilter
from api.runtime.threads import ThreadRuntime
from api.services.follow_up import FollowUp
from api.services.scheduler import LONGEST_SECONDS, Scheduler
from api.services.schedules import Schedules
from api.services.submit import Submission, Submitter
from tests.unit.services.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clockwork(World):
    """The services with a scheduler; time passes when the test says so."""

    def __init__(self):
        super().__init__()
        self.now = START
        self.broken = None
        runtime = ThreadRuntime()
        self.submitter = Submitter(
            self.store, self.publisher, self.clock, self.submitter._workloads, self.check, self.wake, self.copied
        )
        follow_up = FollowUp(
            self.store, self.publisher, self.controller, self.clock, runtime, {}, self.check, self.wake
        )
        self.schedulers = [
            Scheduler(self.store, self.publisher, self.clock, runtime, self.submitter, follow_up) for _ in range(2)
        ]
        self.schedules = Schedules(self.store, self.clock, self.submitter, lambda: None)

    def clock(self):
        return self.now

    def check(self, workload, params, owner, later=()):
        if self.broken is not None:
            raise self.broken
        return dict(params)

    def every(self, **options):
        timing = Timing(None, 3600, "UTC", self.now)
        return self.schedules.create(LOCAL, Submission("x", {"a": 1}, tags=("t",)), timing, options).id

    def pass_time(self, delta):
        """What is due afterwards is submitted; how long the scheduler would sleep then."""
        self.now += delta
        while (seconds := self.schedulers[0].step()) == 0.0:
            pass
        return seconds

    def ran(self):
        """When each run was due, oldest first."""
        page = self.store.read(lambda tx: tx.tasks(TaskFilter(), limit=200))
        return sorted(task.run_at for task in page.tasks)

    def end_all(self):
        for task in self.store.read(lambda tx: tx.tasks(TaskFilter(), limit=200)).tasks:
            if not task.terminal:
                self.emitter.emit(task.id, "error", {"error": "over"})


@pytest.fixture
def world():
    made = Clockwork()
    yield made
    made.store.close()


def hours(*numbers):
    return [START + number * HOUR for number in numbers]


def test_a_run_is_submitted_when_its_time_has_come_and_not_before(world):
    schedule_id = world.every()
    assert LONGEST_SECONDS == world.pass_time(timedelta())
    assert 2 == pytest.approx(world.pass_time(HOUR - timedelta(seconds=2)))
    assert [] == world.ran()
    world.pass_time(timedelta(seconds=2))
    assert hours(1) == world.ran()
    schedule = world.schedules.view(LOCAL, schedule_id)
    (task,) = world.store.read(lambda tx: tx.tasks(TaskFilter(schedule_id=schedule_id), limit=9)).tasks
    assert (*hours(2), *hours(1), task.id) == (schedule.next_run_at, schedule.last_run_at, schedule.last_task_id)
    assert ({"a": 1}, ("t",), schedule_id) == (task.params, task.tags, task.schedule_id)
    assert world.bells[-1].task_id == task.id


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(MissedRuns.SKIP, ()), (MissedRuns.ONCE, (1,)), (MissedRuns.ALL, (1, 2, 3))],
)
def test_runs_that_nobody_was_there_for_are_made_up_for_as_is_asked(world, policy, expected):
    world.every(missed_runs=policy, overlap=Overlap.ALLOW)
    world.pass_time(3.5 * HOUR)
    assert hours(*expected) == world.ran()
    world.pass_time(0.5 * HOUR)
    assert hours(*expected, 4) == world.ran()


@pytest.mark.parametrize("policy", list(MissedRuns))
def test_a_run_that_is_a_little_late_was_not_missed(world, policy):
    world.every(missed_runs=policy)
    world.pass_time(HOUR + timedelta(seconds=59))
    assert hours(1) == world.ran()


def test_catching_up_has_a_bound(world):
    world.every(missed_runs=MissedRuns.ALL, overlap=Overlap.ALLOW)
    world.pass_time(1000.5 * HOUR)
    assert hours(*range(1, CATCH_UP_MAX + 1)) == world.ran()


def test_a_run_is_left_out_while_the_last_one_goes_on_and_counted(world):
    schedule_id = world.every()
    for _ in range(3):
        world.pass_time(HOUR)
    assert (hours(1), 2) == (world.ran(), world.schedules.view(LOCAL, schedule_id).skipped_runs)
    world.end_all()
    world.pass_time(HOUR)
    assert hours(1, 4) == world.ran()


def test_runs_may_be_allowed_to_overlap(world):
    world.every(overlap=Overlap.ALLOW)
    for _ in range(3):
        world.pass_time(HOUR)
    assert hours(1, 2, 3) == world.ran()


def test_of_two_processes_that_see_a_run_one_submits_it(world):
    world.every(overlap=Overlap.ALLOW)
    world.now += HOUR
    schedule = world.store.read(lambda tx: tx.due_schedules(world.now, limit=9))[0]
    for scheduler in world.schedulers:
        scheduler._run(schedule, world.now)
    assert hours(1) == world.ran()


def test_a_clock_that_is_set_back_repeats_nothing(world):
    world.every(overlap=Overlap.ALLOW)
    world.pass_time(HOUR)
    assert LONGEST_SECONDS == world.pass_time(-HOUR)
    world.pass_time(HOUR)
    assert hours(1) == world.ran()
    world.pass_time(HOUR)
    assert hours(1, 2) == world.ran()


def test_a_pause_has_no_runs_and_none_are_missed_in_it(world):
    schedule_id = world.every(missed_runs=MissedRuns.ALL, overlap=Overlap.ALLOW)
    paused = world.schedules.edit(LOCAL, schedule_id, {"paused": True}, submission=None, timing={})
    assert paused.next_run_at is None
    world.pass_time(5.5 * HOUR)
    resumed = world.schedules.edit(LOCAL, schedule_id, {"paused": False}, submission=None, timing={})
    assert hours(6) == [resumed.next_run_at]
    world.pass_time(0.5 * HOUR)
    assert hours(6) == world.ran()


def test_an_edit_between_look_and_claim_wins(world):
    schedule_id = world.every()
    world.now += HOUR
    schedule = world.schedules.view(LOCAL, schedule_id)
    world.schedules.edit(LOCAL, schedule_id, {"paused": True}, submission=None, timing={})
    world.schedulers[0]._run(schedule, world.now)
    assert [] == world.ran()


def test_a_new_timing_displaces_the_old_one(world):
    schedule_id = world.every()
    edited = world.schedules.edit(LOCAL, schedule_id, {"name": "n"}, submission=None, timing={"cron": "30 5 * * *"})
    assert (None, "30 5 * * *", "n") == (edited.timing.every_seconds, edited.timing.cron, edited.name)
    assert [edited.next_run_at] == hours(5.5)


@pytest.mark.parametrize(
    ("error", "words"),
    [(InvalidInput("the file is gone"), "the file is gone"), (ZeroDivisionError(), "ZeroDivisionError")],
)
def test_a_run_that_can_submit_no_task_says_why_and_the_next_one_comes(world, error, words):
    schedule_id = world.every()
    world.broken = error
    world.pass_time(HOUR)
    schedule = world.schedules.view(LOCAL, schedule_id)
    assert words in schedule.last_error
    assert hours(2) == [schedule.next_run_at]
    world.broken = None
    world.pass_time(HOUR)
    assert (None, hours(2)) == (world.schedules.view(LOCAL, schedule_id).last_error, world.ran())
