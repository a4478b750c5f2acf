"""Batches: submit many tasks together, see how they stand, cancel them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from api.access.principals import current_principal
from api.delivery.dialects.batch import batch_links, batch_resource
from api.domain.event import rfc3339
from api.rest.parts import Parts
from api.rest.schemas import BatchCreate, BatchCreated, BatchResource, BatchTask, IdempotencyHeaders
from api.rest.tasks import submission_of
from api.services.batches import Member, Submitted


def create_batches(parts: Parts) -> Blueprint:
    blueprint = Blueprint("batches", __name__)

    @blueprint.post("/batches")
    @parts.contract(
        body=BatchCreate,
        headers=IdempotencyHeaders,
        ok={201: BatchCreated, 200: BatchCreated},
        fails=(409,),
        tag="batches",
    )
    def create_batch(body: BatchCreate, headers: IdempotencyHeaders) -> tuple[Response, int]:
        """Submit tasks together, all or none; they may depend on each other.

        With an `Idempotency-Key` header the same request twice makes one batch: the second answer is 200.
        A key is remembered for 7 days, then it stands for a new batch.
        """
        members = [_member(task) for task in body.tasks]
        submitted = parts.batches.submit(
            current_principal(), members, body.name, idempotency_key=headers.idempotency_key
        )
        response = jsonify(_created(submitted, members))
        response.headers["Location"] = batch_links(submitted.batch.id)["self"]
        return response, 201 if submitted.new else 200

    @blueprint.get("/batches/<batch_id>")
    @parts.contract(ok={200: BatchResource}, tag="batches")
    def get_batch(batch_id: str) -> dict[str, Any]:
        """How many of its tasks are in each state, and its progress; `GET /api/tasks?batch_id=` lists them."""
        return batch_resource(parts.batches.view(current_principal(), batch_id))

    @blueprint.post("/batches/<batch_id>/cancel")
    @parts.contract(ok={202: BatchResource}, tag="batches")
    def cancel_batch(batch_id: str) -> tuple[dict[str, Any], int]:
        """Cancel every task of it that has not ended; asking again is no error."""
        return batch_resource(parts.batches.cancel(current_principal(), batch_id)), 202

    return blueprint


def _member(task: BatchTask) -> Member:
    submission = submission_of(task, on_parent_failure=task.on_parent_failure)
    return Member(submission, task.ref, tuple(task.depends_on))


def _created(submitted: Submitted, members: list[Member]) -> dict[str, Any]:
    batch = submitted.batch
    return {
        "id": batch.id,
        "batch_id": batch.id,
        "name": batch.name,
        "created_at": rfc3339(batch.created_at),
        "task_ids": list(submitted.task_ids),
        "refs": {
            member.ref: task_id for member, task_id in zip(members, submitted.task_ids, strict=False) if member.ref
        },
        "links": batch_links(batch.id),
    }
