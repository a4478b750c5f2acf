"""Schedules: what their owners do with them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from api.access.principals import require
from api.domain.permission import Action, Principal, Role, allows
from api.domain.schedule import Schedule, Timing
from api.errors import Conflict, Flaw, InvalidInput, NotFound
from api.ports import Clock, SchedulePage, Store, Transaction
from api.services.submit import Submission, Submitter
from api.services.timetable import checked, next_run


class Schedules:
    def __init__(self, store: Store, clock: Clock, submitter: Submitter, wake: Callable[[], None]) -> None:
        """`wake` tells the scheduler that the next run may be another one."""
        self._store = store
        self._clock = clock
        self._submitter = submitter
        self._wake = wake

    def create(
        self, principal: Principal, submission: Submission, timing: Timing, options: Mapping[str, Any]
    ) -> Schedule:
        """`timing` starts now; `options` are fields of the schedule. `InvalidInput` for a timing that is none, and
        for a task that could not be submitted now."""
        require(principal, Action.SUBMIT)
        schedule = Schedule(
            id=str(uuid.uuid4()),
            owner=principal.user,
            created_at=timing.start,
            task=self._template(principal, submission),
            timing=checked(timing),
            **options,
        )
        schedule = _timed(schedule, timing.start)
        self._store.write(lambda tx: tx.add_schedule(schedule))
        self._wake()
        return schedule

    def view(self, principal: Principal, schedule_id: str) -> Schedule:
        return self._store.read(lambda tx: _visible(tx, principal, schedule_id))

    def page(self, principal: Principal, *, limit: int, cursor: str | None) -> SchedulePage:
        """Newest first."""
        require(principal, Action.LIST)
        only = None if principal.role is Role.ADMIN else principal.user
        return self._store.read(lambda tx: tx.schedules(visible_to=only, limit=limit, cursor=cursor))

    def edit(
        self,
        principal: Principal,
        schedule_id: str,
        changes: Mapping[str, Any],
        *,
        submission: Submission | None,
        timing: Mapping[str, Any],
    ) -> Schedule:
        """`changes` are fields of the schedule, `timing` of its timing: one of cron and interval displaces the
        other. Runs that fell into a pause, or belonged to an older timing, are not missed but dropped."""
        now = self._clock()
        template = None if submission is None else self._template(principal, submission)

        def change(tx: Transaction) -> Schedule:
            old = _visible(tx, principal, schedule_id)
            require(principal, Action.EDIT, old)
            new = replace(old, **changes, revision=old.revision + 1)
            if template is not None:
                new = replace(new, task=template)
            if timing:
                new = replace(new, timing=checked(_retimed(old.timing, timing, now)))
            if timing or new.paused != old.paused:
                new = _timed(new, now)
            if not tx.save_schedule(new):
                raise Conflict("the schedule was changed at the same time: look at it and try again")
            return new

        if timing:  # the check looks for time zones in files: not in the thread that writes
            checked(_retimed(self.view(principal, schedule_id).timing, timing, now))
        schedule = self._store.write(change)
        self._wake()
        return schedule

    def delete(self, principal: Principal, schedule_id: str) -> None:
        """Its tasks stay."""

        def remove(tx: Transaction) -> None:
            require(principal, Action.DELETE, _visible(tx, principal, schedule_id))
            tx.delete_schedule(schedule_id)

        self._store.write(remove)

    def _template(self, principal: Principal, submission: Submission) -> dict[str, Any]:
        if submission.run_at is not None:
            raise InvalidInput(flaws=[Flaw(("run_at",), "the schedule says when its tasks run")])
        task = self._submitter.draft(principal, submission)
        if task.depends_on:
            raise InvalidInput(flaws=[Flaw(("params",), "a scheduled task cannot take another one's result")])
        if task.attempt:
            raise InvalidInput(flaws=[Flaw(("type",), "an external task is started by whoever reports it")])
        return template_of(submission)


_OF_A_RUN = frozenset({"retry_of", "depends_on", "on_parent_failure", "batch_id", "schedule_id", "run_at"})


def template_of(submission: Submission) -> dict[str, Any]:
    """What a schedule keeps of a submission, as JSON values."""
    values = {each.name: getattr(submission, each.name) for each in fields(submission) if each.name not in _OF_A_RUN}
    return values | {"tags": list(submission.tags)}


def submission_from(schedule: Schedule) -> Submission:
    return Submission(**{**schedule.task, "tags": tuple(schedule.task["tags"])}, schedule_id=schedule.id)


def _retimed(old: Timing, changes: Mapping[str, Any], now: datetime) -> Timing:
    displaced = {"cron": "every_seconds", "every_seconds": "cron"}
    gone: dict[str, Any] = {displaced[name]: None for name in changes if name in displaced}
    return replace(old, start=now, **gone, **changes)


def _timed(schedule: Schedule, now: datetime) -> Schedule:
    return replace(schedule, next_run_at=None if schedule.paused else next_run(schedule.timing, now))


def _visible(tx: Transaction, principal: Principal, schedule_id: str) -> Schedule:
    schedule = tx.schedule(schedule_id)
    if schedule is None or not allows(principal, Action.VIEW, schedule):
        raise NotFound("There is no such schedule.")
    return schedule
