"""Training jobs, as the clients of the training page know them: training tasks under another name."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from api.access.principals import current_principal
from api.delivery.dialects.training import TYPE, job
from api.domain.lifecycle import Command
from api.domain.task import Task
from api.errors import NotFound
from api.ports import TaskFilter
from api.rest.parts import Parts
from api.rest.schemas import JobList, JobResource

JOBS = 200
_COMMANDS = {"pause": Command.PAUSE, "resume": Command.RESUME, "stop": Command.CANCEL}


def create_training(parts: Parts) -> Blueprint:
    blueprint = Blueprint("training", __name__)

    @blueprint.get("/training/jobs")
    @parts.contract(ok={200: JobList}, tag="training")
    def list_jobs() -> Response:
        """The newest 200 training tasks, newest first."""
        page, _ = parts.queries.page(current_principal(), TaskFilter(type=TYPE), limit=JOBS)
        return jsonify([job(task) for task in page.tasks])

    @blueprint.get("/training/jobs/<job_id>")
    @parts.contract(ok={200: JobResource}, tag="training")
    def get_job(job_id: str) -> dict[str, Any]:
        """One of them."""
        return job(_job(parts, job_id))

    def add(verb: str, command: Command) -> None:
        def control_job(job_id: str) -> tuple[dict[str, Any], int]:
            _job(parts, job_id)
            return job(parts.controller.control(current_principal(), job_id, command)), 202

        control_job.__name__ = f"{verb}_job"
        control_job.__doc__ = f"Ask the job to {verb}; asking again is no error."
        wrapped = parts.contract(ok={202: JobResource}, fails=(409,), tag="training")(control_job)
        blueprint.post(f"/training/jobs/<job_id>/{verb}")(wrapped)

    for verb, command in _COMMANDS.items():
        add(verb, command)
    return blueprint


def _job(parts: Parts, job_id: str) -> Task:
    task = parts.queries.view(current_principal(), job_id).task
    if task.type != TYPE:
        raise NotFound()
    return task
