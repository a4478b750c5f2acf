"""One task at a time writes an index. The lock goes with the process, however that ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RETRY_SECONDS = 0.2


@contextmanager
def only_writer(index: Path, waits: Callable[[], None], checkpoint: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of `index`. While another process has it, `waits` is called once and `checkpoint` again and again.

    `checkpoint` may raise.
    """
    with index.with_name(f"{index.name}.lock").open("ab") as file:
        if not _locked(file.fileno()):
            waits()
            while not _locked(file.fileno()):
                checkpoint()
                time.sleep(RETRY_SECONDS)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
