"""What a training's `progress` says within an epoch, and how a client reads it.

`current_iteration` of `max_iterations` are the epochs that have ended and the epochs at most; `progress_percent`
counts batches. Which batch it is stands in the message, in one form: `write` makes it, `read` reads it, so that
whoever speaks another dialect needs nothing but the event. Light: no numerical library is needed to read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MESSAGE = re.compile(r"epoch (\d+) of (\d+), batch (\d+) of (\d+)")


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """`batch` batches of `total_batches` are done in the epoch; both count from 1, epochs too."""

    epoch: int
    epochs: int
    batch: int
    total_batches: int

    @property
    def current(self) -> float:
        """Epochs done, the part of the present one included."""
        return self.epoch - 1 + self.batch / self.total_batches

    def write(self) -> str:
        return f"epoch {self.epoch} of {self.epochs}, batch {self.batch} of {self.total_batches}"


def read(data: Mapping[str, Any]) -> BatchProgress | None:
    """From the `data` of a `progress` event; None for one that tells of no batch."""
    found = _MESSAGE.fullmatch(str(data.get("message", "")))
    return BatchProgress(*map(int, found.groups())) if found else None
