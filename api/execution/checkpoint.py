"""The file in which a workload keeps what its next attempt starts from."""

from __future__ import annotations

import os
from pathlib import Path


def read_checkpoint(file: Path) -> bytes | None:
    """What was saved last, None if nothing ever was."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def write_checkpoint(file: Path, state: bytes) -> None:
    """Replace the file: after a crash at any moment it holds the old state or the new one, whole.

    `OSError` when it cannot be written; then the old state stands.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with fresh.open("wb") as stream:
            stream.write(state)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(file)
    except BaseException:  # Ctrl-C too: no half of a checkpoint may stay
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the new name itself
    finally:
        os.close(descriptor)
