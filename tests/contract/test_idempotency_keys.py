"""What every store does with idempotency keys: remember each once for its owner."""

from __future__ import annotations

import pytest

from api.errors import Conflict
from api.ports import IdempotentRequest, Store
from tests.contract.tasks import add
from tests.support.stores import START, a_task, task_id


class TestIdempotencyKeys:
    REQUEST = IdempotentRequest("hash", task_id(1))

    def test_a_key_is_remembered_for_its_owner(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))
        assert store.read(lambda tx: tx.idempotent("ada", "key")) == self.REQUEST
        assert store.read(lambda tx: tx.idempotent("bob", "key")) is None

    def test_remembering_a_key_twice_is_a_conflict(self, store: Store) -> None:
        add(store, a_task())
        store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))
        with pytest.raises(Conflict):
            store.write(lambda tx: tx.remember("ada", "key", self.REQUEST, START))
