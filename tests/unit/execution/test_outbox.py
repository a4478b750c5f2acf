"""Delivery to the core: batches, order, and patience."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.domain.event import Draft, EventType
from api.errors import StaleLease, Unavailable
from api.execution import limits
from api.execution.messages import Effect, Mark
from api.execution.outbox import Outbox


class Core:
    """A reporter that can be unavailable, or give the lease to somebody else."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.failures: list[Exception] = []

    def report(self, drafts: Sequence[Draft]) -> None:
        self._fail()
        self.calls.append([draft.data["n"] for draft in drafts])

    def took_effect(self, command: str) -> None:
        self._fail()
        self.calls.append(command)

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


def drafts(*numbers: int) -> list[Draft]:
    return [Draft(EventType.LOG, {"n": number}) for number in numbers]


def test_all_that_waits_goes_in_one_batch() -> None:
    """And an empty outbox calls nobody."""
    core = Core()
    outbox = Outbox(core, [].append)
    outbox.deliver(0)
    outbox.add(drafts(1, 2, 3))
    outbox.deliver(0)
    outbox.deliver(0)
    assert core.calls == [[1, 2, 3]]
    assert len(outbox) == 0


def test_batches_are_bounded() -> None:
    """One per call, so that commands are heard in between."""
    core = Core()
    outbox = Outbox(core, [].append)
    outbox.add(drafts(*range(limits.BATCH + 1)))
    outbox.deliver(0)
    assert len(outbox) == 1
    outbox.deliver(0)
    assert [list(range(limits.BATCH)), [limits.BATCH]] == core.calls


def test_effects_keep_their_place_between_events() -> None:
    """`paused` is told after what was reported before it."""
    core = Core()
    outbox = Outbox(core, [].append)
    outbox.add([*drafts(1), Effect("paused"), Effect("running"), *drafts(2)])
    for _ in range(4):
        outbox.deliver(0)
    assert core.calls == [[1], "paused", "running", [2]]


def test_a_mark_is_answered_when_what_came_before_it_is_stored() -> None:
    """And not before, however long that takes."""
    core = Core()
    core.failures = [Unavailable()]
    outbox = Outbox(core, core.calls.append)
    outbox.add([*drafts(1), Mark(7), *drafts(2)])
    outbox.deliver(0)
    assert core.calls == []
    for _ in range(3):
        outbox.deliver(outbox.due)
    assert core.calls == [[1], 7, [2]]


def test_an_unavailable_core_is_tried_again_later_and_later_in_the_same_order() -> None:
    """With a pause that doubles up to 2 s, and starts anew after a success."""
    core = Core()
    core.failures = [Unavailable() for _ in range(8)]
    outbox = Outbox(core, [].append)
    outbox.add([*drafts(1), Effect("paused")])
    now, pauses = 100.0, []
    while not core.calls:
        outbox.deliver(now)
        outbox.deliver(now)  # too early: not even tried
        if not core.calls:
            pauses.append(round(outbox.due - now, 2))
            now = outbox.due
    outbox.deliver(now)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert core.calls == [[1], "paused"]


def test_a_lost_lease_is_told() -> None:
    """The attempt stops the work."""
    core = Core()
    core.failures = [StaleLease()]
    outbox = Outbox(core, [].append)
    outbox.add(drafts(1))
    with pytest.raises(StaleLease):
        outbox.deliver(0)
