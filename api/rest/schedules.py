"""Schedules: create, list, look at, edit, pause, delete."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from api.access.principals import current_principal
from api.delivery.dialects.schedule import schedule_resource
from api.domain.schedule import Timing
from api.errors import Flaw, InvalidInput
from api.rest.parts import Parts
from api.rest.schemas import (
    ScheduleCreate,
    ScheduleEdit,
    ScheduleList,
    ScheduleQuery,
    ScheduleResource,
)
from api.rest.tasks import submission_of

_TIMING = ("cron", "every_seconds", "timezone")
_PLAIN = ("name", "missed_runs", "overlap", "paused")


def create_schedules(parts: Parts) -> Blueprint:
    blueprint = Blueprint("schedules", __name__)
    _add_collection(blueprint, parts)
    _add_item(blueprint, parts)
    return blueprint


def _add_collection(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.post("/schedules")
    @parts.contract(body=ScheduleCreate, ok={201: ScheduleResource}, tag="schedules")
    def create_schedule(body: ScheduleCreate) -> tuple[Response, int]:
        """Submit a task again and again, by cron or by interval."""
        try:
            schedule = parts.schedules.create(
                current_principal(),
                submission_of(body.task),
                Timing(body.cron, body.every_seconds, body.timezone, parts.clock()),
                _given(body, _PLAIN),
            )
        except InvalidInput as error:
            raise _placed(error) from None
        resource = schedule_resource(schedule)
        response = jsonify(resource)
        response.headers["Location"] = resource["links"]["self"]
        return response, 201

    @blueprint.get("/schedules")
    @parts.contract(query=ScheduleQuery, ok={200: ScheduleList}, tag="schedules")
    def list_schedules(query: ScheduleQuery) -> dict[str, Any]:
        """List schedules, newest first."""
        page = parts.schedules.page(current_principal(), limit=query.limit, cursor=query.cursor)
        resources = [schedule_resource(schedule) for schedule in page.schedules]
        return {"schedules": resources, "total": page.total, "next_cursor": page.next_cursor}


def _add_item(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/schedules/<schedule_id>")
    @parts.contract(ok={200: ScheduleResource}, tag="schedules")
    def get_schedule(schedule_id: str) -> dict[str, Any]:
        """One schedule, with its next run."""
        return schedule_resource(parts.schedules.view(current_principal(), schedule_id))

    @blueprint.patch("/schedules/<schedule_id>")
    @parts.contract(body=ScheduleEdit, ok={200: ScheduleResource}, fails=(409,), tag="schedules")
    def edit_schedule(schedule_id: str, body: ScheduleEdit) -> dict[str, Any]:
        """Change a schedule, pause it or let it go on; runs that fall into a pause are left out."""
        submission = None if body.task is None else submission_of(body.task)
        try:
            schedule = parts.schedules.edit(
                current_principal(),
                schedule_id,
                _given(body, _PLAIN),
                submission=submission,
                timing=_given(body, _TIMING),
            )
        except InvalidInput as error:
            raise _placed(error) from None
        return schedule_resource(schedule)

    @blueprint.delete("/schedules/<schedule_id>")
    @parts.contract(ok={204: None}, tag="schedules")
    def delete_schedule(schedule_id: str) -> tuple[str, int]:
        """Forget a schedule; its tasks stay."""
        parts.schedules.delete(current_principal(), schedule_id)
        return "", 204


def _given(body: ScheduleCreate | ScheduleEdit, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(body, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _placed(error: InvalidInput) -> InvalidInput:
    """What is wrong with the task stands in `task`."""
    of_task = ("type", "params", "run_at")
    return InvalidInput(
        flaws=[Flaw(("task", *flaw.loc) if flaw.loc[0] in of_task else flaw.loc, flaw.msg) for flaw in error.flaws]
    )
