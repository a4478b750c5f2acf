"""The store in memory: for tests, and the plainest statement of what a store does."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import TypeVar

from api.ports import Transaction
from api.store import guards
from api.store.memory_state import State
from api.store.memory_transaction import MemoryTransaction

T = TypeVar("T")


class MemoryStore:
    """`ports.Store` in a dictionary. A write works on a copy, which takes the old one's place at the end."""

    def __init__(self) -> None:
        self._state = State(epoch=uuid.uuid4().hex)
        self._writing = threading.Lock()
        self._closed = False

    def write(self, work: Callable[[Transaction], T], *, queued: Callable[[], None] | None = None) -> T:
        guards.must_be_outside()
        with self._writing:
            state = self._state.copy()
            result = self._run(work, MemoryTransaction(state, writable=True))
            self._state = state
        if queued is not None:
            queued()
        return result

    def read(self, query: Callable[[Transaction], T]) -> T:
        guards.must_be_outside()
        return self._run(query, MemoryTransaction(self._state, writable=False))

    def close(self) -> None:
        self._closed = True

    def _run(self, work: Callable[[Transaction], T], transaction: MemoryTransaction) -> T:
        if self._closed:
            raise guards.closed()
        token = guards.inside.set(True)
        try:
            return work(transaction)
        finally:
            guards.inside.reset(token)
