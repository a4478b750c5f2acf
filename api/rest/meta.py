"""Health, readiness, metrics and the workloads that there are."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.access.principals import current_principal, require
from api.domain.event import rfc3339
from api.domain.permission import Action
from api.domain.workload import Workload
from api.rest.parts import Parts
from api.rest.schemas import Health, Readiness, SocketStats, WorkloadList
from api.services.health import OK
from api.workloads.registry import params_schema


def create_meta(parts: Parts) -> Blueprint:
    blueprint = Blueprint("meta", __name__)

    @blueprint.get("/health")
    @parts.contract(ok={200: Health}, tag="server")
    def get_health() -> dict[str, Any]:
        """The server answers."""
        return {"status": "ok", "timestamp": rfc3339(parts.clock()), "serializer": parts.serializer}

    @blueprint.get("/ready")
    @parts.contract(ok={200: Readiness, 503: Readiness}, tag="server")
    def get_ready() -> tuple[dict[str, Any], int]:
        """Whether database, bus and executor work; 503 names the part that does not."""
        checks = parts.readiness()
        ready = all(answer == OK for answer in checks.values())
        body = {"status": "ok" if ready else "unavailable", "checks": checks, "timestamp": rfc3339(parts.clock())}
        return body, 200 if ready else 503

    @blueprint.get("/workloads")
    @parts.contract(ok={200: WorkloadList}, tag="workloads")
    def list_workloads() -> dict[str, Any]:
        """The types of task, each with the JSON Schema of its params and an example."""
        known = sorted(parts.workloads.values(), key=lambda workload: workload.type)
        return {"workloads": [_workload(workload) for workload in known], "broken": dict(parts.broken_workloads)}

    @blueprint.get("/metrics")
    @parts.contract(ok={200: None}, tag="server")
    def get_metrics() -> Response:
        """Counters in the text format of Prometheus."""
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @blueprint.get("/ws/stats")
    @parts.contract(ok={200: SocketStats}, tag="server")
    def get_socket_stats() -> dict[str, Any]:
        """The connections of this process, what they listen to, and what was broadcast."""
        require(current_principal(), Action.LIST)
        return {
            "connections": parts.census.connections(),
            "subscriptions": parts.census.subscriptions(),
            "broadcasts": parts.census.broadcasts(),
            "timestamp": rfc3339(parts.clock()),
        }

    return blueprint


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "type": workload.type,
        "title": workload.title,
        "description": workload.description,
        "params_schema": params_schema(workload),
        "example": dict(workload.example),
        "external": workload.external,
        "searchable": workload.search is not None,
    }
