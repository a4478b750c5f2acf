"""Programs that some tests need: absent, they skip on a laptop and fail in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """The path of `program`."""
    path = shutil.which(program)
    if path is not None:
        return path
    reason = f"{program} is not installed: run `make test-deps`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
