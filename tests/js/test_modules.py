"""The pure browser modules, by node's own test runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.services import require

HERE = Path(__file__).parent
SUITES = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name.removesuffix(".test.mjs"))
def test_module(suite: Path) -> None:
    """Every test of one module passes."""
    command = [require("node"), "--test", str(suite)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
