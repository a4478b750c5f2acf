"""Where an index stands in the folder that all indexing tasks of an owner share."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath


def folder_key(folder: str) -> str:
    """One spelling for each name of a folder: `a//b/` and `./a/b` are `a/b`."""
    return str(PurePosixPath(folder))


def index_file(shared_dir: Path, folder: str, index: str | None) -> Path:
    """The SQLite file of the index with this name, or of this folder's own where there is no name."""
    if index is not None:
        return shared_dir / f"{index}.db"
    own = hashlib.sha256(folder_key(folder).encode()).hexdigest()[:32]
    return shared_dir / f"folder.{own}.db"  # no name of an index has a dot
