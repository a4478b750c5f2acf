"""The scheduler: submits the tasks of schedules when their time has come.

It runs in every process. A run is claimed by the one change to the schedule's row that brings it to the next
revision, in the same transaction that adds its task: whoever comes second changes nothing, and a process that
is killed has done all of it or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from api import metrics
from api.domain.permission import Principal, Role
from api.domain.schedule import CATCH_UP_MAX, MissedRuns, Overlap, Schedule
from api.domain.task import Task
from api.errors import InvalidInput
from api.log import get_logger
from api.ports import Clock, Store, Transaction
from api.runtime.base import Runtime
from api.services.commit import Commit
from api.services.entry import enter
from api.services.follow_up import FollowUp
from api.services.loop import NudgedLoop
from api.services.publish import Publisher
from api.services.schedules import submission_from
from api.services.submit import Submitter
from api.services.timetable import next_run, runs

_log = get_logger(__name__)
LONGEST_SECONDS = 5.0
"""It sleeps until the next run, but no longer than this: somebody may set the clock, and another process may
make schedules and die."""
RETRY_SECONDS = 1.0
TOGETHER = 50
"""Due schedules per look."""
LATE = timedelta(seconds=60)
"""A run that is no later than this was not missed."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is to be done for a schedule that is due: its row as it will be, and tasks to add."""

    schedule: Schedule
    tasks: tuple[Task, ...]


class Scheduler(NudgedLoop):
    name = "scheduler"
    retry_seconds = RETRY_SECONDS

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        clock: Clock,
        runtime: Runtime,
        submitter: Submitter,
        follow_up: FollowUp,
    ) -> None:
        super().__init__(runtime)
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._submitter = submitter
        self._follow_up = follow_up

    def step(self) -> float:
        """Submit what is due; how many seconds to sleep then."""
        now = self._clock()
        due = self._store.read(lambda tx: tx.due_schedules(now, limit=TOGETHER))
        for schedule in due:
            self._run(schedule, now)
        if due:
            return 0.0
        at = self._store.read(lambda tx: tx.next_schedule_at())
        return LONGEST_SECONDS if at is None else min(LONGEST_SECONDS, max(0.0, (at - self._clock()).total_seconds()))

    def _run(self, schedule: Schedule, now: datetime) -> None:
        claim = self._claim(schedule, now)
        commits = self._store.write(lambda tx: self._take(tx, claim))
        for commit in commits:
            _log.info("schedule_ran", schedule_id=schedule.id, task_id=commit.task.id)
            self._publisher.ring(commit)
        if commits:
            self._follow_up.wake()

    def _claim(self, schedule: Schedule, now: datetime) -> _Claim:
        times = due_runs(schedule, now)
        later = replace(schedule, next_run_at=next_run(schedule.timing, now), revision=schedule.revision + 1)
        if not times:
            return _Claim(later, ())
        later = replace(later, last_run_at=times[-1], last_error=None)
        try:
            tasks = tuple(self._task(schedule, at) for at in times)
        except InvalidInput as error:
            metrics.failure("schedule")
            _log.warning("schedule_failed", schedule_id=schedule.id, reason=error.message)
            return _Claim(replace(later, last_error=error.message), ())
        except Exception as error:  # noqa: BLE001  one schedule must not hold up the others; counted, logged, shown
            metrics.failure("schedule_broken")
            _log.exception("schedule_broken", schedule_id=schedule.id)
            return _Claim(replace(later, last_error=f"the task cannot be made ({type(error).__name__})"), ())
        return _Claim(replace(later, last_task_id=tasks[-1].id), tasks)

    def _task(self, schedule: Schedule, at: datetime) -> Task:
        return replace(self._submitter.draft(_owner(schedule), submission_from(schedule)), run_at=at)

    def _take(self, tx: Transaction, claim: _Claim) -> list[Commit]:
        """Add the tasks, if the schedule still is as it was when the claim was made."""
        schedule = claim.schedule
        stored = tx.schedule(schedule.id)
        if stored is None or stored.revision != schedule.revision - 1:
            return []
        last = tx.task(stored.last_task_id) if stored.last_task_id else None
        if claim.tasks and schedule.overlap is Overlap.SKIP and last is not None and not last.terminal:
            skipped = replace(
                schedule,
                last_run_at=stored.last_run_at,
                last_task_id=stored.last_task_id,
                skipped_runs=stored.skipped_runs + len(claim.tasks),
            )
            tx.save_schedule(skipped)
            return []
        if not tx.save_schedule(schedule) or not claim.tasks:
            return []
        return enter(tx, _owner(schedule), claim.tasks, self._clock)


def due_runs(schedule: Schedule, now: datetime) -> list[datetime]:
    """The runs that are to be made up to `now`, oldest first, as the schedule's policies have it."""
    first = schedule.next_run_at
    if first is None or first > now:
        return []
    if schedule.missed_runs is MissedRuns.ALL and schedule.overlap is Overlap.ALLOW:
        return runs(schedule.timing, first, now, limit=CATCH_UP_MAX)
    latest = _latest(schedule, now)
    if latest is not None:
        return [latest]
    return [] if schedule.missed_runs is MissedRuns.SKIP else [first]


def _latest(schedule: Schedule, now: datetime) -> datetime | None:
    """The last run up to `now`, unless it is too late for that."""
    start = next_run(schedule.timing, now - LATE)
    first = schedule.next_run_at
    if start is None or first is None:
        return None
    return next(reversed(runs(schedule.timing, max(start, first), now, limit=int(LATE.total_seconds()) + 1)), None)


def _owner(schedule: Schedule) -> Principal:
    return Principal(schedule.owner, Role.OPERATOR)
