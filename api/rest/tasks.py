"""Tasks: create, list, look at, edit, control, delete."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from flask import Blueprint, Response, jsonify

from api.access.principals import current_principal
from api.delivery.dialects.resource import task_links, task_resource
from api.domain.event import rfc3339
from api.domain.lifecycle import Command
from api.domain.task import Task
from api.ports import TaskFilter
from api.rest.parts import Parts
from api.rest.schemas import (
    IdempotencyHeaders,
    RetryOptions,
    TaskBody,
    TaskCreate,
    TaskCreated,
    TaskEdit,
    TaskList,
    TaskQuery,
    TaskResource,
)
from api.services.submit import Edits, Submission

FLAT_TYPE = "optimization"
_COMMANDS = {"pause": Command.PAUSE, "resume": Command.RESUME, "cancel": Command.CANCEL, "stop": Command.CANCEL}


def create_tasks(parts: Parts) -> Blueprint:
    blueprint = Blueprint("tasks", __name__)
    _add_collection(blueprint, parts)
    _add_item(blueprint, parts)
    _add_control(blueprint, parts)
    return blueprint


def _add_collection(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.post("/tasks")
    @parts.contract(body=TaskCreate, headers=IdempotencyHeaders, ok={201: TaskCreated, 200: TaskCreated}, fails=(409,))
    def create_task(body: TaskCreate, headers: IdempotencyHeaders) -> tuple[Response, int]:
        """Create a task; it runs as soon as a worker is free.

        With an `Idempotency-Key` header the same request twice makes one task: the second answer is 200.
        A key is remembered for 7 days, then it stands for a new task.
        """
        key = headers.idempotency_key
        submission = submission_of(body, depends_on=tuple(body.depends_on), on_parent_failure=body.on_parent_failure)
        task, new = parts.submitter.submit(current_principal(), submission, idempotency_key=key)
        return _created(task, 201 if new else 200)

    @blueprint.get("/tasks")
    @parts.contract(query=TaskQuery, ok={200: TaskList})
    def list_tasks(query: TaskQuery) -> dict[str, Any]:
        """List tasks, newest first."""
        where = TaskFilter(
            status=query.status,
            type=query.type,
            tag=query.tag,
            owner=query.owner,
            batch_id=query.batch_id,
            schedule_id=query.schedule_id,
            text=query.q or None,
        )
        page, views = parts.queries.page(current_principal(), where, limit=query.limit, cursor=query.cursor)
        outlooks = parts.forecasts.of([view.task for view in views])
        tasks = [
            task_resource(view.task, view.queue_position, outlook)
            for view, outlook in zip(views, outlooks, strict=True)
        ]
        return {"tasks": tasks, "total": page.total, "next_cursor": page.next_cursor}


def _add_item(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/tasks/<task_id>")
    @parts.contract(ok={200: TaskResource})
    def get_task(task_id: str) -> dict[str, Any]:
        """One task as it stands."""
        view = parts.queries.view(current_principal(), task_id)
        (outlook,) = parts.forecasts.of([view.task])
        return task_resource(view.task, view.queue_position, outlook)

    @blueprint.patch("/tasks/<task_id>")
    @parts.contract(body=TaskEdit, ok={200: TaskResource})
    def edit_task(task_id: str, body: TaskEdit) -> dict[str, Any]:
        """Change name, tags or priority."""
        task = parts.editor.edit(current_principal(), task_id, name=body.name, tags=body.tags, priority=body.priority)
        return task_resource(task)

    @blueprint.delete("/tasks/<task_id>")
    @parts.contract(ok={204: None}, fails=(409,))
    def delete_task(task_id: str) -> tuple[str, int]:
        """Forget an ended task, its history and its files."""
        parts.editor.delete(current_principal(), task_id)
        return "", 204


def _add_control(blueprint: Blueprint, parts: Parts) -> None:
    def add(action: str, command: Command) -> None:
        def control(task_id: str) -> tuple[dict[str, Any], int]:
            return task_resource(parts.controller.control(current_principal(), task_id, command)), 202

        control.__name__ = f"{action}_task"
        control.__doc__ = f"Ask the task to {action}; asking again is no error."
        wrapped = parts.contract(ok={202: TaskResource}, fails=(409,))(control)
        blueprint.post(f"/tasks/<task_id>/{action}")(wrapped)

    for action, command in _COMMANDS.items():
        add(action, command)

    @blueprint.post("/tasks/<task_id>/retry")
    @parts.contract(body=RetryOptions, body_optional=True, ok={201: TaskCreated}, fails=(409,))
    def retry_task(task_id: str, body: RetryOptions) -> tuple[Response, int]:
        """Run an ended task again, as a new task, with other params if you like; the body may be left out."""
        edits = Edits(
            params=body.params,
            name=body.name,
            tags=None if body.tags is None else tuple(dict.fromkeys(body.tags)),
            priority=body.priority,
            max_attempts=body.max_attempts,
            timeout_seconds=body.timeout_seconds,
        )
        task = parts.submitter.retry(current_principal(), task_id, from_checkpoint=body.from_checkpoint, edits=edits)
        return _created(task, 201)


def submission_of(body: TaskBody, **more: Any) -> Submission:
    """What every way to start a task has in common, and `more` fields of the submission."""
    return Submission(
        type=body.type or FLAT_TYPE,
        params=body.params if body.type else body.flat(),
        name=body.name,
        tags=tuple(dict.fromkeys(body.tags)),
        priority=body.priority,
        max_attempts=body.max_attempts,
        timeout_seconds=body.timeout_seconds,
        run_at=body.run_at.astimezone(UTC) if body.run_at is not None else None,
        **more,
    )


def _created(task: Task, status: int) -> tuple[Response, int]:
    links = task_links(task.id)
    body = {
        "task_id": task.id,
        "id": task.id,
        "status": str(task.status),
        "created_at": rfc3339(task.created_at),
        "links": links,
    }
    response = jsonify(body)
    response.headers["Location"] = links["self"]
    return response, status
