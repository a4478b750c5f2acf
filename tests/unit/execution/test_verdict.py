"""Which outcome follows from what."""

from __future__ import annotations

from typing import Any

import pytest

from api.execution.messages import End
from api.execution.verdict import Facts, Reason, outcome
from api.ports import Ending, Outcome

DONE = End(Ending.COMPLETED, {"a": 1})
BROKEN = End(Ending.FAILED, error="the workload raised X", traceback="trace")
STOPPED = End(Ending.CANCELLED)


def verdict(*reasons: Reason, **facts: Any) -> Outcome:
    return outcome(Facts(started=True, reasons=set(reasons), time_limit=2.5, start_limit=30, **facts))


@pytest.mark.parametrize(
    ("reasons", "end", "expected"),
    [
        ((), DONE, Ending.COMPLETED),
        ((Reason.DEPARTING,), DONE, Ending.COMPLETED),
        ((Reason.CANCEL,), DONE, Ending.COMPLETED),
        ((Reason.SHUTDOWN,), DONE, Ending.COMPLETED),
        ((Reason.TIMEOUT,), DONE, Ending.FAILED),
        ((Reason.STALE,), DONE, Ending.LOST),
        ((Reason.CANCEL,), STOPPED, Ending.CANCELLED),
        ((Reason.CANCEL,), BROKEN, Ending.CANCELLED),
        ((Reason.CANCEL,), None, Ending.CANCELLED),
        ((Reason.CANCEL, Reason.SHUTDOWN), None, Ending.CANCELLED),
        ((Reason.SHUTDOWN,), STOPPED, Ending.LOST),
        ((Reason.SHUTDOWN,), BROKEN, Ending.LOST),
        ((Reason.SHUTDOWN,), None, Ending.LOST),
        ((Reason.TIMEOUT,), STOPPED, Ending.FAILED),
        ((Reason.STALE, Reason.CANCEL), STOPPED, Ending.LOST),
        ((), BROKEN, Ending.FAILED),
    ],
)
def test_the_ending(reasons: tuple[Reason, ...], end: End | None, expected: Ending) -> None:
    """Finished work counts even if somebody wanted to stop it; a time limit holds; a lost lease beats all."""
    assert expected is verdict(*reasons, end=end, exit_code=-9, signalled=True).ending


def test_the_end_of_the_child_is_passed_on() -> None:
    """Its result, or its sentence and its traceback."""
    assert Outcome(Ending.COMPLETED, {"a": 1}) == verdict(end=DONE)
    assert Outcome(Ending.FAILED, None, "the workload raised X", "trace") == verdict(end=BROKEN)


def test_events_that_were_never_committed_make_an_attempt_lost() -> None:
    """Even a completed one: its last events are missing."""
    assert Ending.LOST is verdict(end=DONE, undelivered=True).ending


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"exit_code": 3}, "the worker process exited with code 3 before it finished"),
        ({"exit_code": 0}, "the worker process exited with code 0 before it finished"),
        ({"exit_code": -9}, "the worker process was killed by SIGKILL (out of memory?)"),
        ({"exit_code": -15}, "the worker process was killed by SIGTERM"),
        ({"exit_code": -11}, "the worker process crashed with SIGSEGV"),
        ({"exit_code": -6}, "the worker process crashed with SIGABRT"),
        ({"exit_code": -63}, "the worker process was killed by signal 63"),
        ({"exit_code": None}, "the worker process cannot be killed"),
    ],
)
def test_a_death_without_a_word_has_its_sentence(facts: dict[str, Any], sentence: str) -> None:
    """By the code that the system gives."""
    assert Outcome(Ending.FAILED, error=sentence, died=True) == verdict(**facts)


def test_the_other_sentences() -> None:
    """Time limit, protocol, start, connection."""
    assert verdict(Reason.TIMEOUT, exit_code=-9).error == "timed out after 2.5 s"
    assert verdict(Reason.RUBBISH, rubbish="'x'").error == "the worker sent something that is not a report: 'x'"
    assert verdict(Reason.NO_START).error == "the worker process did not start within 30 s"
    closed = "the worker process closed its connection before it finished"
    assert closed == verdict(Reason.DEPARTING, exit_code=-15, signalled=True).error
    crashed = "the worker process crashed with SIGSEGV"
    assert crashed == verdict(Reason.DEPARTING, exit_code=-11).error


def test_a_worker_that_never_started_says_so() -> None:
    """Such as one whose Python is broken."""
    assert outcome(Facts(exit_code=1)).error == "the worker process exited with code 1 before it started"
