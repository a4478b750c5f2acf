"""Searching what a task has left, where its workload offers that."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from api.access.principals import current_principal
from api.domain.workload import Hit
from api.rest.parts import Parts
from api.rest.schemas import SearchAnswer, SearchQuery


def create_search(parts: Parts) -> Blueprint:
    blueprint = Blueprint("search", __name__)

    @blueprint.get("/tasks/<task_id>/search")
    @parts.contract(query=SearchQuery, ok={200: SearchAnswer}, fails=(409,), tag="results")
    def search_task(task_id: str, query: SearchQuery) -> dict[str, Any]:
        """Look for words in what a task has left, such as the index of an `indexing` task, the best hits first.

        404 when tasks of its type cannot be searched, 409 when there is nothing to search yet.
        """
        answer = parts.searches.search(current_principal(), task_id, query.q, limit=query.limit, offset=query.offset)
        return {
            "query": query.q,
            "total": answer.found.total,
            "hits": [_hit(hit) for hit in answer.found.hits],
            "took_ms": round(answer.took_ms, 3),
        }

    return blueprint


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "path": hit.path,
        "title": hit.title,
        "score": hit.score,
        "snippet": hit.snippet,
        "marks": [list(mark) for mark in hit.marks],
    }
