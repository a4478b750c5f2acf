"""tqdm: `for item in tqdm(items, job=job)` is a bar that reports. Needs `pip install tqdm`."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from numbers import Real
from typing import Any

from tqdm.std import tqdm as _tqdm

from api.adapters import Job
from api.errors import TaskCancelled


class tqdm(_tqdm):  # type: ignore[misc]  # tqdm has no types
    """A `tqdm.tqdm` that also reports where it stands whenever it is drawn, ten times a second at most.

    It is drawn on a terminal only; `disable=True` leaves the drawing out and goes on reporting. The numbers of
    `set_postfix` become metrics, as often. A cancel ends the loop with `TaskCancelled`, a pause holds it.
    """

    def __init__(self, *args: Any, job: Job, **options: Any) -> None:
        self._job = job
        self._measured = 0.0
        if options.pop("disable", False) or not _is_terminal(options.get("file")):
            options["file"] = io.StringIO()
        super().__init__(*args, **options)

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self._job.checkpoint()
            yield item

    def update(self, n: float | None = 1) -> bool | None:
        drawn: bool | None = super().update(n)
        self._job.checkpoint()
        return drawn

    def display(self, msg: str | None = None, pos: int | None = None) -> Any:
        with suppress(TaskCancelled):  # tqdm holds its lock here: `update` and the loop raise it at once
            self._job.progress(self.n, total=self.total, message=self.desc.removesuffix(": ") or None)
        if isinstance(self.fp, io.StringIO):
            self.fp.seek(0)
            self.fp.truncate()
        return super().display(msg, pos)

    def set_postfix(self, ordered_dict: Mapping[str, Any] | None = None, refresh: bool = True, **values: Any) -> None:
        super().set_postfix(ordered_dict, refresh, **values)
        given = {**(ordered_dict or {}), **values}
        numbers = {name: float(each) for name, each in given.items() if _is_number(each)}
        if numbers and time.monotonic() - self._measured >= self.mininterval:
            self._measured = time.monotonic()
            self._job.iteration(int(self.n), numbers)


def _is_terminal(stream: Any) -> bool:
    target = sys.stderr if stream is None else stream
    return target is not None and hasattr(target, "isatty") and bool(target.isatty())


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
