"""The live stream of a task for `curl -N` and `EventSource`."""

from __future__ import annotations

from flask import Blueprint, Response

from api.access.principals import current_principal
from api.delivery.dialects.sse import parse_last_event_id
from api.delivery.sse.handler import Resume, TaskStream
from api.rest.parts import Parts
from api.rest.schemas import StreamHeaders, StreamQuery


def create_stream(parts: Parts) -> Blueprint:
    blueprint = Blueprint("stream", __name__)
    stream = TaskStream(parts.hub, parts.queries, parts.runtime)

    @blueprint.get("/tasks/<task_id>/stream")
    @parts.contract(query=StreamQuery, headers=StreamHeaders, ok={200: None, 204: None}, tag="events")
    def stream_task(task_id: str, query: StreamQuery, headers: StreamHeaders) -> Response:
        """Server-Sent Events: stored ones after `since` or `Last-Event-ID`, then live ones, then `end`."""
        blocks = stream.open(current_principal(), task_id, _resume(query.since, headers.last_event_id))
        if blocks is None:
            return Response(status=204)
        response = Response(blocks, content_type="text/event-stream; charset=utf-8")
        response.headers |= {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return response

    return blueprint


def _resume(since: int | None, last: str | None) -> Resume | None:
    if last:
        parsed = parse_last_event_id(last)
        return Resume(parsed[1], parsed[0]) if parsed else Resume(2**53)
    return Resume(since) if since is not None else None
