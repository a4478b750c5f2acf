"""The batch as a resource."""

from __future__ import annotations

from typing import Any

from api.domain.batch import BatchState
from api.domain.event import rfc3339


def batch_resource(state: BatchState) -> dict[str, Any]:
    batch = state.batch
    return {
        "id": batch.id,
        "batch_id": batch.id,
        "name": batch.name,
        "owner": batch.owner,
        "created_at": rfc3339(batch.created_at),
        "status": str(state.status),
        "progress_percent": state.progress_percent,
        "total": batch.size,
        "counts": {str(status): count for status, count in state.counts.items()},
        "links": batch_links(batch.id),
    }


def batch_links(batch_id: str) -> dict[str, str]:
    base = f"/api/batches/{batch_id}"
    return {"self": base, "tasks": f"/api/tasks?batch_id={batch_id}", "cancel": f"{base}/cancel"}
