"""What runs beside the requests."""

from __future__ import annotations

from typing import Any, cast

from api import metrics
from api.errors import Unavailable
from api.lifecycle import RETENTION_SECONDS, Backstage


class Sweeps:
    """A retention whose first sweep fails, and that ends the backstage after its third."""

    def __init__(self) -> None:
        self.backstage: Any = None
        self.done: list[str] = []

    def sweep(self) -> int:
        self.done.append("sweep")
        if len([what for what in self.done if what == "sweep"]) == 3:
            self.backstage._leaving = True
        if self.done == ["sweep"]:
            raise Unavailable("the disk is full")
        return 0

    def sleep(self, seconds: float) -> None:
        assert seconds == RETENTION_SECONDS
        self.done.append("sleep")


def test_a_failed_removal_of_history_is_counted_and_tried_again() -> None:
    sweeps, nothing = Sweeps(), cast(Any, None)
    sweeps.backstage = Backstage(
        runtime=cast(Any, sweeps),
        spawn=nothing,
        lock=nothing,
        grants=nothing,
        dispatcher=nothing,
        sweeps=(),
        loops=(),
        store=nothing,
        retention=cast(Any, sweeps),
    )
    failures = metrics.FAILURES.labels("retention")._value
    before = failures.get()
    sweeps.backstage._trim_for_ever()
    assert ["sweep", "sleep"] * 3 == sweeps.done
    assert before + 1 == failures.get()
