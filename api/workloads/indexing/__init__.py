"""Indexing: makes the documents of a folder searchable, and keeps the index up to date.

Importing this package is light; what reads documents comes in with `run`, and is a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from api.errors import Conflict
from api.workloads import Context, Found, Workload
from api.workloads.indexing.params import IndexingParams

__all__ = ["IndexingParams", "workload"]


def run(params: IndexingParams, ctx: Context) -> Mapping[str, Any]:
    """Bring the index up to date with its folder; see docs/explanation/indexing.md."""
    from api.workloads.indexing.runner import bring_up_to_date

    return bring_up_to_date(params, ctx)


def search(params: Mapping[str, Any], shared_dir: Path, words: str, /, *, limit: int, offset: int) -> Found:
    """The documents with all of these words, as the index stands now; `api.domain.workload.Search` has the errors."""
    from api.workloads.indexing.lookup import search_index
    from api.workloads.indexing.places import index_file

    folder, index = params["folder"], params.get("index")
    if not isinstance(folder, str) or not isinstance(index, str | None):
        raise Conflict("there is no index yet: the task waits for the result of another one")
    return search_index(index_file(shared_dir, folder, index), words, limit, offset)


workload = Workload(
    type="indexing",
    title="Document index",
    params=IndexingParams,
    run=run,
    description=(
        "Makes the text, Markdown, HTML and PDF files of a folder searchable by their words. What has not changed "
        "since the last time is not read again."
    ),
    example={"folder": "config/documents"},
    search=search,
)
