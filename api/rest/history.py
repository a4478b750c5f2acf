"""History: the events of a task, page by page."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from api.access.principals import current_principal
from api.rest.parts import Parts
from api.rest.schemas import EventList, EventQuery, EventsAppended, EventsToAppend


def create_history(parts: Parts) -> Blueprint:
    blueprint = Blueprint("history", __name__)

    @blueprint.get("/tasks/<task_id>/events")
    @parts.contract(query=EventQuery, ok={200: EventList}, tag="events")
    def list_events(task_id: str, query: EventQuery) -> dict[str, Any]:
        """Stored events with a greater seq than `since`, in order."""
        types = [query.event_type] if query.event_type else None
        history = parts.queries.history(current_principal(), task_id, after=query.since, limit=query.limit, types=types)
        events = [event.envelope() for event in history.events]
        return {"events": events, "last_seq": history.task.last_seq, "epoch": history.epoch}

    @blueprint.post("/tasks/<task_id>/events")
    @parts.contract(body=EventsToAppend, ok={201: EventsAppended}, fails=(409,), tag="events")
    def append_events(task_id: str, body: EventsToAppend) -> tuple[dict[str, Any], int]:
        """Report of an external task: all of these events are stored, in order, or none."""
        sent = [(str(event.event_type), event.data) for event in body.root]
        commit = parts.reports.report(current_principal(), task_id, sent)
        return {"seqs": [event.seq for event in commit.events], "last_seq": commit.task.last_seq}, 201

    return blueprint
