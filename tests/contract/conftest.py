"""What the contract tests of the store share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.ports import Store
from api.runtime.threads import ThreadRuntime
from api.store.memory import MemoryStore
from api.store.sql import SqlStore
from tests.support.stores import sqlite_url


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqlStore(sqlite_url(tmp_path), ThreadRuntime())
    yield made
    made.close()
