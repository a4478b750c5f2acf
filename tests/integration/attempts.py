"""Attempts of the runner with real child processes, and fresh interpreters, for the tests of this folder."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from api.domain.event import Draft, EventType
from api.execution.process import ChildProcess
from api.execution.remains import remains
from api.execution.spawn import spawn_worker
from api.execution.supervisor import Deadlines, LocalRunner
from api.ports import Assignment, Control, Outcome
from api.runtime.choose import current_runtime
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

SHORT = Deadlines(cooperative=0.5, terminate=0.3, kill=2, exit=1, shutdown=0.2)


class Core:
    """A reporter that keeps what it is told, and raises what a test wants it to."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.batches: list[int] = []
        self.effects: list[str] = []
        self.trouble: Callable[[], Exception | None] = lambda: None
        self.refused = 0
        """How often that was raised."""

    def report(self, drafts: Sequence[Draft]) -> None:
        self._raise()
        self.drafts += drafts
        self.batches.append(len(drafts))

    def took_effect(self, command: str) -> None:
        self._raise()
        self.effects.append(command)

    def _raise(self) -> None:
        if (error := self.trouble()) is not None:
            self.refused += 1
            raise error

    def of(self, kind: EventType) -> list[dict[str, Any]]:
        return [dict(draft.data) for draft in self.drafts if draft.type is kind]

    def lines(self, logger: str | None = None) -> list[str]:
        return [data["message"] for data in self.of(EventType.LOG) if logger in (None, data.get("logger"))]

    def steps(self) -> list[int]:
        return [data["current_iteration"] for data in self.of(EventType.PROGRESS)]


class Running:
    """One attempt under way in a thread of its own."""

    def __init__(self, folder: Path, kind: str, params: dict[str, Any], **options: Any) -> None:
        self.core: Core = options.pop("core", None) or Core()
        self.control = Control()
        self.children: list[ChildProcess] = []
        attempt = options.pop("attempt", 1)
        deadlines = options.pop("deadlines", SHORT)
        self.runner = LocalRunner(current_runtime(), self._spawn, deadlines=deadlines)
        self.assignment = assignment(folder, kind, params, attempt, **options)
        self._outcome: list[Outcome | Exception] = []
        self._thread = threading.Thread(target=self._run, name=f"attempt-{kind}", daemon=True)
        self._thread.start()

    def _spawn(self) -> ChildProcess:
        self.children.append(spawn_worker(current_runtime().selector))
        return self.children[-1]

    def _run(self) -> None:
        try:
            self._outcome.append(self.runner.run(self.assignment, self.core, self.control))
        except Exception as error:  # noqa: BLE001 - the test is told
            self._outcome.append(error)

    def outcome(self, timeout: float = 20.0) -> Outcome:
        self._thread.join(timeout)
        assert self._outcome, f"still running; so far: {self.core.lines()}"
        [outcome] = self._outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def until(self, condition: Callable[[Core], object]) -> None:
        wait_until(lambda: condition(self.core), explain=lambda: f"events: {self.core.drafts[-5:]}")

    def left(self) -> list[str]:
        """Processes of this attempt that live."""
        return [process.name for child in self.children for process in remains(child.pid, child.mark)]


def assignment(folder: Path, kind: str, params: dict[str, Any], attempt: int = 1, **options: Any) -> Assignment:
    artifacts = folder / f"artifacts-{time.monotonic_ns()}"
    artifacts.mkdir(parents=True)
    return Assignment(
        task_id="task-1",
        lease_id="lease-1",
        type=kind,
        params=params,
        attempt=attempt,
        artifact_dir=artifacts,
        result_dir="experiments/run_1",
        checkpoint_file=folder / "checkpoint",
        **options,
    )


Start = Callable[..., Running]


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter; its errors are this test's."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return done
