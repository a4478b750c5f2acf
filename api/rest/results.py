"""Results: what a task left, its files and pictures, and the list of experiments."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, send_file
from pydantic import BaseModel

from api.access.principals import current_principal
from api.domain.event import rfc3339
from api.domain.task import Task
from api.errors import NotFound
from api.rest.parts import Parts
from api.rest.schemas import ArtifactList, Experiment, ExperimentList, ExperimentQuery, TaskResult

EXPERIMENT_TYPE = "optimization"
_FILE: dict[int, type[BaseModel] | None] = {200: None, 206: None, 304: None}
"""The answers with a file: whole, a range of it, or not changed since the client's copy."""
_SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain", "text/csv"})


def create_results(parts: Parts) -> Blueprint:
    blueprint = Blueprint("results", __name__)
    _add_result(blueprint, parts)
    _add_files(blueprint, parts)
    _add_experiments(blueprint, parts)
    return blueprint


def _add_result(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/tasks/<task_id>/result")
    @parts.contract(ok={200: TaskResult}, fails=(409,), tag="results")
    def get_result(task_id: str) -> dict[str, Any]:
        """The result of a completed task, its summary and the course of its iterations."""
        found = parts.results.result(current_principal(), task_id)
        return {
            "task_id": task_id,
            "result": found.task.result,
            "summary": found.summary,
            "evolution": found.evolution,
            "experiment_dir": found.task.artifact_dir,
        }


def _add_files(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/tasks/<task_id>/artifacts")
    @parts.contract(ok={200: ArtifactList}, tag="results")
    def list_artifacts(task_id: str) -> dict[str, Any]:
        """The files that a task wrote."""
        files = parts.results.artifacts(current_principal(), task_id)
        return {
            "artifacts": [
                {
                    "path": file.path,
                    "size": file.size,
                    "modified_at": rfc3339(file.modified_at),
                    "url": f"/api/tasks/{task_id}/artifacts/{quote(file.path)}",
                }
                for file in files
            ]
        }

    @blueprint.get("/tasks/<task_id>/artifacts/<path:path>")
    @parts.contract(ok=_FILE, fails=(416,), tag="results")
    def get_artifact(task_id: str, path: str) -> Response:
        """Download one file."""
        return _send(parts, task_id, path)

    @blueprint.get("/tasks/<task_id>/visualizations/<path:file>")
    @parts.contract(ok=_FILE, fails=(416,), tag="results")
    def get_visualization(task_id: str, file: str) -> Response:
        """Download one picture."""
        return _send(parts, task_id, f"visualizations/{file}")


def _send(parts: Parts, task_id: str, path: str) -> Response:
    real = parts.results.file(current_principal(), task_id, path)
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    inline = kind in _SHOWN_INLINE
    response = send_file(real, mimetype=kind, as_attachment=not inline, download_name=PurePosixPath(path).name)
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"  # a file of a task is no page
    return response


def _add_experiments(blueprint: Blueprint, parts: Parts) -> None:
    @blueprint.get("/experiments")
    @parts.contract(query=ExperimentQuery, ok={200: ExperimentList}, tag="results")
    def list_experiments(query: ExperimentQuery) -> dict[str, Any]:
        """Finished optimisation runs, newest first."""
        found, total = parts.results.experiments(current_principal(), EXPERIMENT_TYPE, query.limit)
        return {"experiments": [_experiment(task, summary) for task, summary in found], "total": total}

    @blueprint.get("/experiments/latest")
    @parts.contract(ok={200: Experiment}, tag="results")
    def get_latest_experiment() -> dict[str, Any]:
        """The newest finished optimisation run."""
        found, _total = parts.results.experiments(current_principal(), EXPERIMENT_TYPE, 1)
        if not found:
            raise NotFound("no optimisation has finished yet")
        return _experiment(*found[0])


def _experiment(task: Task, summary: Any) -> dict[str, Any]:
    path = task.artifact_dir or ""
    return {"name": PurePosixPath(path).name, "path": path, "task_id": task.id, "summary": summary}
