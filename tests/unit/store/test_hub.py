"""The store beside a hub, in a process of its own for each async mode."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.stores import sqlite_url
from tests.unit.store.processes.hub import PERIOD

SCRIPT = "tests.unit.store.processes.hub"
MODES = ["eventlet", "gevent", "threading"]
pytestmark = pytest.mark.alone


@pytest.fixture(scope="module", params=MODES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process found out."""
    folder: Path = tmp_path_factory.mktemp("hub")
    arguments = [request.param, sqlite_url(folder), str(folder / "journal.db")]
    run = subprocess.run(
        [sys.executable, "-m", SCRIPT, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    assert found["runtime"] == request.param
    return found


def test_the_hub_goes_round_while_another_process_holds_the_lock(report: dict[str, Any]) -> None:
    """A third as often as when idle, at least, and never away for half of the time that the lock is held:
    were a single wait for the lock on the hub, it would be away for all of it."""
    assert report["written_while_locked"] == 0
    assert report["locked"]["count"] >= report["idle"]["count"] / 3
    assert report["locked"]["longest"] < PERIOD / 2


def test_the_hub_goes_round_while_commits_run(report: dict[str, Any]) -> None:
    """A tenth as often as when idle, at least: twenty writers without a pause take their share of the CPU."""
    assert report["writing"]["count"] >= report["idle"]["count"] / 10


def test_writes_that_waited_for_the_lock_are_done_when_it_is_free(report: dict[str, Any]) -> None:
    first = min(report["seqs"])
    assert sorted(report["seqs"]) == list(range(first, first + 20))


def test_writes_that_waited_for_too_long_are_unavailable(report: dict[str, Any]) -> None:
    assert report["refused"] == 20


def test_writers_of_the_hub_go_on_in_the_order_of_their_commits(report: dict[str, Any]) -> None:
    """OS threads, once woken, run in the order that the system likes."""
    woken = sorted(report["order"]) if report["runtime"] == "threading" else report["order"]
    assert woken == list(range(1, 201))


def test_an_error_in_a_work_is_raised_in_its_caller(report: dict[str, Any]) -> None:
    assert "already" in report["error"]


def test_a_native_thread_may_write_and_read(report: dict[str, Any]) -> None:
    assert report["native"] == [0]
