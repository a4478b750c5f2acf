"""The body of an indexing task: lists the folder, then brings document after document up to date."""

from __future__ import annotations

import hashlib
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from api.errors import InvalidInput, TaskFailed
from api.workloads import Context
from api.workloads.indexing.documents import BadDocument
from api.workloads.indexing.failures import MAX_ERROR, Failures
from api.workloads.indexing.index import Index
from api.workloads.indexing.listing import Listing, list_documents
from api.workloads.indexing.lock import only_writer
from api.workloads.indexing.opening import Folder, Unreadable, Vanished
from api.workloads.indexing.params import IndexingParams
from api.workloads.indexing.places import folder_key, index_file
from api.workloads.indexing.reading import Reader

REPORTS = 100
"""Reports of the speed in one task, about; but none for fewer than `REPORT_DOCUMENTS`."""
REPORT_DOCUMENTS = 100
REMOVED_AT_ONCE = 500
WAITS = "waits for another task, which writes this index"
SAVED = b"the index holds what has been done"
"""Nothing to go on from but the index itself; saved so that a paused task leaves its worker."""


@dataclass(slots=True)
class _Counts:
    success: int = 0
    skipped: int = 0
    read_bytes: int = 0


class _Speed:
    """Reports each so many documents how fast it goes."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._since, self._bytes = time.monotonic(), 0

    def report(self, ctx: Context, done: int, read_bytes: int, failed: int) -> None:
        if done % self._every:
            return
        now = time.monotonic()
        seconds = max(now - self._since, 1e-6)
        metrics = {
            "documents": done,
            "documents_per_second": self._every / seconds,
            "bytes_per_second": (read_bytes - self._bytes) / seconds,
            "failed": failed,
        }
        self._since, self._bytes = now, read_bytes
        ctx.iteration(done // self._every, metrics)


def bring_up_to_date(params: IndexingParams, ctx: Context) -> dict[str, Any]:
    """Index what is new or has changed, take out what is gone; the task's result."""
    folder = ctx.input_folder(params.folder)
    file = index_file(ctx.shared_dir, params.folder, params.index)
    ctx.save(SAVED)

    with (
        only_writer(file, lambda: ctx.log(WAITS), ctx.checkpoint),
        Index(file, folder_key(params.folder), ctx.task_id, rebuild=params.rebuild) as index,
        closing(_opened(folder, params.folder)) as opened,
        Reader(params.max_file_seconds) as reader,
    ):
        return _Run(params, ctx, index, opened, reader).run()


def _opened(folder: Path, name: str) -> Folder:
    try:
        return Folder(folder)
    except OSError as error:
        raise InvalidInput(f"the folder {name!r} cannot be opened: {error.strerror}") from None


class _Run:
    def __init__(self, params: IndexingParams, ctx: Context, index: Index, folder: Folder, reader: Reader) -> None:
        self._params = params
        self._ctx = ctx
        self._index = index
        self._folder = folder
        self._reader = reader
        self._counts = _Counts()
        self._failures = Failures(ctx.artifact_dir)

    def run(self) -> dict[str, Any]:
        listing = self._listed()
        total = len(listing.documents) + len(listing.failures)
        for path, error in listing.failures.items():
            self._fail(path, error)
        self._ctx.progress(self._failures.count, total)
        self._update(listing, total)
        self._remove(listing)
        return self._finish(total)

    def _listed(self) -> Listing:
        self._ctx.progress(0, message="lists the folder")
        try:
            listing = list_documents(self._folder, self._params.patterns, self._ctx.checkpoint)
        except OSError as error:
            raise TaskFailed(f"the folder {self._params.folder!r} cannot be listed: {error.strerror}") from None
        if not listing.documents:
            self._ctx.log(f"no file in {self._params.folder} fits {', '.join(self._params.patterns)}", "warning")
        return listing

    def _update(self, listing: Listing, total: int) -> None:
        speed = _Speed(max(REPORT_DOCUMENTS, total // REPORTS))
        for done, (path, place) in enumerate(listing.documents.items(), 1):
            self._ctx.checkpoint()
            self._bring(path, place)
            self._ctx.progress(len(listing.failures) + done, total, path[-200:])
            speed.report(self._ctx, done, self._counts.read_bytes, self._failures.count)

    def _bring(self, path: str, place: str) -> None:
        """One document up to date."""
        try:
            data = self._folder.read(place, self._params.max_file_mb)
        except Unreadable as error:  # it stays in the index as it was
            self._fail(path, error.message)
            return
        except Vanished as error:
            self._index.remove([path])
            self._fail(path, error.message)
            return
        except BadDocument as error:
            self._index.forget(path)
            self._fail(path, error.message)
            return
        self._counts.read_bytes += len(data)
        digest = hashlib.sha256(data).digest()
        known = self._index.known(path)
        if known is not None and known[0] == digest:
            self._known(path, place, data, *known)
        else:
            self._read(path, place, data, digest)

    def _known(self, path: str, place: str, data: bytes, digest: bytes, task_id: str, error: str | None) -> None:
        """The same content as before. One that failed is tried again, but only once by a task."""
        mine = task_id == self._ctx.task_id
        if error is None:
            self._counts.success += mine
            self._counts.skipped += not mine
        elif mine:
            self._fail(path, error)
        else:
            self._read(path, place, data, digest)

    def _read(self, path: str, place: str, data: bytes, digest: bytes) -> None:
        try:
            found = self._reader.read(path, data)
        except BadDocument as error:
            self._index.put_failure(path, digest, error.message[:MAX_ERROR])
            self._fail(path, error.message)
            return
        self._index.put(path, digest, found)
        self._counts.success += 1

    def _fail(self, path: str, error: str) -> None:
        self._failures.add(path, error[:MAX_ERROR])
        self._ctx.log(f"{path}: {error[:MAX_ERROR]}", "warning")

    def _remove(self, listing: Listing) -> None:
        """What is gone from the folder, but for what nobody could look at."""
        folders = tuple(f"{folder}/" for folder in listing.unlisted)
        gone = (path for path in self._index.paths() if path not in listing.documents and not path.startswith(folders))
        while some := list(islice(gone, REMOVED_AT_ONCE)):
            self._ctx.checkpoint()
            self._index.remove(some)

    def _finish(self, total: int) -> dict[str, Any]:
        counts, failed, removed = self._counts, self._failures.count, self._index.removed()
        self._ctx.progress(total, total, "")
        self._ctx.log(
            f"{total} documents: {counts.success} indexed, {counts.skipped} unchanged, {failed} failed; "
            f"{removed} removed"
        )
        return {
            "total": total,
            "success": counts.success,
            "failed": failed,
            "skipped": counts.skipped,
            "removed": removed,
            "documents": self._index.count(),
            **self._failures.result(),
        }
