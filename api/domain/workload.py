"""What a workload is: the whole interface between Runcast and the code that does the work.

A workload is one `Workload` value, made known by an entry point of the group
`runcast.workloads` (its name is the task type). The built-in ones use the same door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ENTRY_POINT_GROUP = "runcast.workloads"
ParamsModel = type[Any]
"""A pydantic model; not named here, so that this module needs no pydantic."""
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Context(Protocol):
    """What `run(params, ctx)` is given. Every method may be called from any thread of the child process."""

    task_id: str
    attempt: int
    """1 for the first try of the task."""
    artifact_dir: Path
    """An existing, empty folder: what is written here is kept and offered for download."""
    result_dir: str
    """Where `artifact_dir` will stand when the task has ended, relative to the data folder."""
    restored: bytes | None
    """What an earlier attempt of this task gave to `save`, else None."""

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> None:
        """Report that `current` of `total` iterations are done; without `total` progress is indeterminate.

        Cheap: at most one report in 50 ms leaves the process, the latest one always does.
        """

    def iteration(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Report the metrics of one finished iteration. Never dropped."""

    def log(self, message: str, level: str = "info", logger: str | None = None) -> None:
        """Write one line to the task's log; print() and logging arrive there as well."""

    def checkpoint(self) -> None:
        """A point where the task may pause or stop: raises `TaskCancelled` when cancelled.

        While paused it blocks, and the task keeps its worker. If something has been given to `save`, it raises
        `TaskPaused` (a `TaskCancelled`) instead: let it pass, and the task goes on from there when it is resumed, on
        whatever worker is free then. So save right before.
        """

    @property
    def pausing(self) -> bool:
        """Whether the next `checkpoint` will block: to put aside before it what must not run on meanwhile."""

    def save(self, state: bytes) -> None:
        """Keep `state` so that the next attempt finds it in `restored`; replaces the one before, atomically.

        Blocks until what was reported before is in the journal, a few milliseconds as a rule: whatever crashes
        then, the next attempt goes on right after it.
        """

    def input_path(self, name: str) -> Path:
        """The file behind a name that came from a user; only inside the input folders, else `InvalidInput`."""

    def input_folder(self, name: str) -> Path:
        """The same for a folder: one of the input folders, or inside one."""

    @property
    def shared_dir(self) -> Path:
        """An existing folder that all tasks of this type and owner have in common, and that outlives them.

        Several tasks may be at it at once, and one may be killed at any moment: guard what is in it.
        """


class Run(Protocol):
    """The body of a workload: returns the task's result, a mapping of JSON values, or None."""

    def __call__(self, params: Any, ctx: Context, /) -> Mapping[str, Any] | None: ...


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a search found. `marks` are the [start, end) of the words in `snippet`, in code points."""

    path: str
    title: str
    score: float
    """Greater is better; only to be compared within one answer."""
    snippet: str
    """Plain text, not HTML."""
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """`hits` are some of `total`, the best first."""

    total: int
    hits: tuple[Hit, ...]


class Search(Protocol):
    """Looks for a user's words in what tasks of this type have left in their `shared_dir`.

    Called in the server, in a thread beside its hub: it must neither log nor write, and import what is heavy
    inside. `params` are those of the task that is asked. `InvalidInput` for words that cannot be looked for,
    `Conflict` when there is nothing to search yet, `Unavailable` when it takes too long.
    """

    def __call__(
        self, params: Mapping[str, Any], shared_dir: Path, words: str, /, *, limit: int, offset: int
    ) -> Found: ...


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of work that tasks can be made of.

    `params` is a pydantic model; forbid extra fields in it, so that a typing error in a name is told
    to the user. A field typed `api.workloads.InputFile` names a file in the server's input folders.
    `run` is called in a child process: import what is heavy inside it, so that the server stays light. The process may
    have run other tasks before and may run others after it, but never two at once; a task that leaves threads or
    processes behind takes it along. `example` is a value of `params` that works on a fresh installation.
    """

    type: str
    title: str
    params: ParamsModel
    run: Run
    description: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    warm_up: Callable[[], object] | None = None
    """Imports what `run` will need; called ahead in processes that wait for tasks, so that none waits for it."""
    external: bool = False
    """Its tasks are not run here: they are created `running`, and their owner reports them."""
    search: Search | None = None
    """For `GET /api/tasks/<id>/search`; None: its tasks cannot be searched."""
    definition: Mapping[str, Any] | None = None
    """For a type without an entry point: what a child process makes it from, see `registry.load_workload`."""
    size: tuple[str, ...] | None = None
    """Names of the params that decide how long a task takes: an estimate goes by earlier ones in which these were
    the same. None: all of them. A seed, say, is none of them."""

    def __post_init__(self) -> None:
        if not _TYPE.fullmatch(self.type):
            raise ValueError(f"workload type {self.type!r}: lower-case letters, digits, '_' and '-' only, 64 at most")
