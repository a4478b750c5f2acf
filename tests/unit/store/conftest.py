"""What the tests of the SQL store share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.runtime.threads import ThreadRuntime
from api.store.sql import SqlStore
from tests.support.stores import sqlite_url


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file behind `url`."""
    return tmp_path / "journal.db"


@pytest.fixture
def runtime() -> ThreadRuntime:
    return ThreadRuntime()


@pytest.fixture
def store(url: str, runtime: ThreadRuntime) -> Iterator[SqlStore]:
    made = SqlStore(url, runtime, busy_timeout=0.3)
    yield made
    made.close()
