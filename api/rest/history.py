"""History: the events of a task, page by page."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response

from api.access.principals import current_principal
from api.rest.parts import Parts
from api.rest.schemas import EventList, EventQuery, EventsAppended, EventsToAppend, Heartbeat
from api.services.query import Page


def create_history(parts: Parts) -> Blueprint:
    blueprint = Blueprint("history", __name__)

    @blueprint.get("/tasks/<task_id>/events")
    @parts.contract(query=EventQuery, ok={200: EventList}, tag="events")
    def list_events(task_id: str, query: EventQuery) -> Response:
        """Stored events with a greater seq than `since`, in order and without a hole, from `first_seq` on."""
        types = [query.event_type] if query.event_type else None
        page = parts.queries.events(current_principal(), task_id, after=query.since, limit=query.limit, types=types)
        return Response(_text(page), mimetype="application/json")

    @blueprint.post("/tasks/<task_id>/events")
    @parts.contract(body=EventsToAppend, ok={201: EventsAppended}, fails=(409,), tag="events")
    def append_events(task_id: str, body: EventsToAppend) -> tuple[dict[str, Any], int]:
        """Report of an external task: all of these events are stored, in order, or none."""
        sent = [(str(event.event_type), event.data) for event in body.root]
        commit = parts.reports.report(current_principal(), task_id, sent)
        return {"seqs": [event.seq for event in commit.events], "last_seq": commit.task.last_seq}, 201

    @blueprint.post("/tasks/<task_id>/heartbeat")
    @parts.contract(ok={200: Heartbeat}, fails=(409,), tag="events")
    def heartbeat(task_id: str) -> dict[str, Any]:
        """The reporter of an external task is alive and has nothing new: keeps it from counting as stalled.

        Nothing is added to the history. 409 once the task has ended: it was cancelled, or lost.
        """
        task = parts.reports.heartbeat(current_principal(), task_id)
        return {"task_id": task.id, "status": str(task.status), "last_seq": task.last_seq}

    return blueprint


def _text(page: Page) -> str:
    """The envelopes are JSON already: decoding and encoding a thousand of them would keep the hub for 6 ms."""
    rest = {"first_seq": page.task.first_seq, "last_seq": page.task.last_seq, "epoch": page.epoch}
    return f'{{"events":[{",".join(page.envelopes)}],{json.dumps(rest)[1:]}'
