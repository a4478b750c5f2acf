"""What could not be indexed: all of it as a file, the first of it in the result."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

FILE = "failures.csv"
DETAILS = 50
DETAILS_BYTES = 16 * 1024
"""A result travels in an event, which may have 64 KiB."""
MAX_ERROR = 500


class Failures:
    """Paths and why: written at once, so that nothing piles up."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._size = 0
        self.count = 0
        self.details: list[dict[str, str]] = []

    def add(self, path: str, error: str) -> None:
        first = self.count == 0
        with self._file.open("w" if first else "a", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            if first:
                writer.writerow(("path", "error"))
            writer.writerow((path, error))
        self.count += 1
        self._size += len(path.encode()) + len(error.encode())
        if len(self.details) < DETAILS and self._size <= DETAILS_BYTES:
            self.details.append({"path": path, "error": error})

    def result(self) -> dict[str, Any]:
        return {
            "details": self.details,
            "details_left_out": self.count - len(self.details),
            "failures_file": FILE if self.count else None,
        }
