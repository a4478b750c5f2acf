"""The dispatcher's loop, with everything around it played."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.domain.lifecycle import Status
from api.domain.task import Task
from api.ports import Assignment, Control, Ending, Outcome
from api.runtime.choose import current_runtime
from api.services import dispatch
from api.services.dispatch import Bounds, Dispatcher
from api.services.folders import Folders
from api.services.grant import Grant
from tests.support.stores import a_task
from tests.support.waiting import wait_until


class Grants:
    """One task that runs, and what is asked of it."""

    def __init__(self) -> None:
        self.queue = [Grant(a_task(1, status=Status.RUNNING, attempt=1), "lease")]
        self.command: str | None = None
        self.looks = 0

    def take(self, most: int) -> tuple[list[Grant], float | None]:
        taken, self.queue = self.queue[:most], self.queue[most:]
        return taken, None

    def commands(self, ids: list[str]) -> dict[str, Task]:
        self.looks += 1
        return {id_: a_task(1, status=Status.RUNNING, attempt=1, pending_command=self.command) for id_ in ids}

    def finish(self, *_: Any) -> Grant | None:
        return None


class Runner:
    """Runs until it is asked to stop."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = threading.Event()

    def run(self, assignment: Assignment, reporter: object, control: Control) -> Outcome:
        self.asked = control.asked
        self.over.wait(20)
        return Outcome(Ending.CANCELLED, files=False)

    def tend(self) -> None:
        """Nobody waits."""


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Dispatcher, Grants, Runner]]:
    monkeypatch.setattr(dispatch, "POLL_SECONDS", 60.0)  # what is not told would be noticed too late
    grants, runner, nothing = Grants(), Runner(), object()
    dispatcher = Dispatcher(
        runtime=current_runtime(),
        spawn=lambda function, *arguments: threading.Thread(target=function, args=arguments, daemon=True).start(),
        grants=grants,  # type: ignore[arg-type]
        publisher=nothing,  # type: ignore[arg-type]
        runner=runner,  # type: ignore[arg-type]
        folders=Folders(tmp_path),
        slots=1,
        bounds=Bounds(),
        stalled_seconds=60,
        input_dirs=(),
        workloads={},
        announcer=SimpleNamespace(announce=lambda announcement: None),
    )
    loop = threading.Thread(target=dispatcher.run, daemon=True)
    loop.start()
    yield dispatcher, grants, runner
    runner.over.set()
    dispatcher.stop(5)
    loop.join(5)
    assert not loop.is_alive()


def test_a_command_is_passed_on_when_it_is_told_of(played: tuple[Dispatcher, Grants, Runner]) -> None:
    """However often, and not at the next look alone."""
    dispatcher, grants, runner = played
    wait_until(lambda: grants.looks and not grants.queue)
    for number, command in enumerate(["pause", "resume", "pause", "cancel"], 1):
        grants.command = command
        dispatcher.heed()
        wait_until(lambda number=number: len(runner.asked) == number)  # type: ignore[misc]
    assert ["pause", "resume", "pause", "cancel"] == runner.asked
