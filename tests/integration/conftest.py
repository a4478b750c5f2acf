"""Attempts under way, none of whose processes outlives its test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.attempts import Running, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts attempts; afterwards none of their processes may live."""
    started: list[Running] = []

    def begin(kind: str, params: dict[str, Any] | None = None, **options: Any) -> Running:
        started.append(Running(tmp_path, kind, params or {}, **options))
        return started[-1]

    yield begin
    for running in started:
        running.runner.close()
        assert not running.left()
