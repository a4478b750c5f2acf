"""The loop of one attempt, with a child that is only played: what the real ones show too seldom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from api.domain.event import Draft
from api.errors import Unavailable
from api.execution.attempt import Attempt
from api.execution.channel import encode
from api.execution.ladder import Deadlines
from api.execution.messages import End
from api.ports import Assignment, Control, Ending, Outcome
from api.runtime.threads import ThreadRuntime

NO_PROCESS = 2**22 + 1
"""Above the kernel's largest pid."""


class PlayedChild:
    """Says what it was given, then is dead. Time passes only while somebody waits for it."""

    reports, stdout, stderr = 100, 101, 102
    ready = frozenset({reports, stdout, stderr})

    def __init__(self, *chunks: bytes, alive_while: Callable[[], bool] = lambda: False) -> None:
        self.pid, self.mark = NO_PROCESS, "no such mark"
        self.now = 1000.0
        self.waits: list[float | None] = []
        self.sent: list[dict[str, Any]] = []
        self.signals: list[int] = []
        self.chatter = b""
        self.closed = False
        self.connected = True
        self._chunks = list(chunks)
        self._alive_while = alive_while

    @property
    def exited(self) -> bool:
        return not (self._chunks or self._alive_while())

    def wake(self) -> None:
        """Nobody sleeps here."""

    def wait(self, timeout: float | None, *, listen: bool = True) -> None:
        self.waits.append(timeout)
        self.now += timeout or 0

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def read(self, descriptor: int) -> bytes:
        if descriptor == self.stdout:
            return self.chatter
        return self._chunks.pop(0) if descriptor == self.reports and self._chunks else b""

    def exit_code(self) -> int:
        return 0

    def signal_group(self, number: int) -> None:
        self.signals.append(number)

    def close(self) -> None:
        self.closed = True


class Core:
    def __init__(self, up: Callable[[], bool] = lambda: True) -> None:
        self.drafts: list[Draft] = []
        self.tries = 0
        self._up = up

    def report(self, drafts: Sequence[Draft]) -> None:
        self.tries += 1
        if not self._up():
            raise Unavailable
        self.drafts += drafts

    def took_effect(self, command: str) -> None:
        self.report([])


def play(child: PlayedChild, core: Core, control: Control | None = None, **options: Any) -> Outcome:
    task = Assignment("t", "l", "x", {}, 1, Path("/a"), "r", Path("/c"), **options)
    attempt = Attempt(
        child,  # type: ignore[arg-type]  # plays its part
        task,
        core,
        control or Control(),
        runtime=ThreadRuntime(),
        deadlines=Deadlines(),
        clock=lambda: child.now,
    )
    return attempt.run()


def lines(count: int) -> bytes:
    events = ({"level": "info", "message": str(n)} for n in range(count))
    return b"".join(encode({"say": "event", "type": "log", "data": data}) for data in events)


READY = b'{"say":"ready"}\n'
DONE = encode(End(Ending.COMPLETED, {"a": 1}).message())


def test_everything_is_delivered_though_the_runner_stops_meanwhile() -> None:
    """Several batches wait when the shutdown comes; the work was done, so it counts."""
    child, control, core = PlayedChild(READY + lines(1200) + DONE), Control(), Core()
    send, core_report = control.send, core.report

    def report(drafts: Sequence[Draft]) -> None:
        core_report(drafts)
        send("shutdown")

    core.report = report  # type: ignore[method-assign]  # the shutdown comes while the first batch is committed
    assert play(child, core, control) == Outcome(Ending.COMPLETED, {"a": 1})
    assert [draft.data["message"] for draft in core.drafts] == [str(n) for n in range(1200)]
    assert child.closed


def test_a_core_that_is_down_is_waited_for_without_spinning() -> None:
    """Ten minutes take some hundred tries, though the child is long dead."""
    child = PlayedChild(READY + lines(3) + DONE)
    core = Core(up=lambda: child.now > 1600)
    assert play(child, core).ending is Ending.COMPLETED
    assert len(core.drafts) == 3
    assert core.tries < 400
    assert len(child.waits) < 400


def test_a_runner_that_stops_does_not_wait_for_a_core_that_is_down() -> None:
    """Even when the child was done: its last events could not be kept."""
    child, control = PlayedChild(READY + lines(3) + DONE), Control()

    def down() -> bool:
        if core.tries == 5:
            control.send("shutdown")
        return False

    core = Core(up=down)
    assert play(child, core, control).ending is Ending.LOST
    assert core.tries < 10


def test_a_stranger_that_goes_on_printing_does_not_hold_the_attempt_up() -> None:
    """A process that nobody could find may have inherited stdout."""
    child, core = PlayedChild(READY + DONE), Core()
    child.chatter = b"and on\n"
    assert play(child, core).ending is Ending.COMPLETED
    assert 0 < len(core.drafts) < 200


def test_what_was_asked_before_the_attempt_began_is_done_at_once() -> None:
    """Without waiting for the child's first word."""
    child, control = PlayedChild(READY, encode(End(Ending.CANCELLED).message())), Control()
    control.asked += ["pause", "cancel"]
    assert play(child, Core(), control) == Outcome(Ending.CANCELLED)
    assert [message["do"] for message in child.sent] == ["run", "pause", "cancel"]


def test_a_cancel_after_the_last_word_changes_nothing() -> None:
    """It comes too late to undo what is done."""
    child, control = PlayedChild(READY + DONE + lines(1)), Control()
    core = Core(up=lambda: control.send("cancel") or True)  # type: ignore[func-returns-value]  # when that line comes
    assert play(child, core, control).ending is Ending.COMPLETED
    assert [message["do"] for message in child.sent] == ["run"]


def test_rubbish_after_the_last_word_changes_nothing() -> None:
    """The outcome is known by then."""
    assert play(PlayedChild(READY + DONE + b"bye\n"), Core()).ending is Ending.COMPLETED


def test_a_deaf_child_that_hangs_in_the_kernel_is_given_up_in_time() -> None:
    """The run returns within 15 s; nothing else can be done."""
    child, control, core = PlayedChild(READY, alive_while=lambda: True), Control(), Core()
    control.asked.append("cancel")
    assert play(child, core, control).ending is Ending.CANCELLED
    assert child.now - 1000 < 15
    assert child.signals[:2] == [15, 9]
    assert "the worker process hangs in the kernel and cannot be killed" in [
        draft.data["message"] for draft in core.drafts
    ]


def test_a_mistake_of_the_core_kills_the_child_and_is_raised() -> None:
    """Nothing stays open."""
    child, core = PlayedChild(READY + lines(1) + DONE), Core()

    def report(drafts: Sequence[Draft]) -> None:
        raise ZeroDivisionError

    core.report = report  # type: ignore[method-assign]  # broken
    with pytest.raises(ZeroDivisionError):
        play(child, core)
    assert 9 in child.signals
    assert child.closed
