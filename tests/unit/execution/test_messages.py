"""What a child may say, and that nothing else passes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.domain.event import Draft, EventType
from api.execution.channel import NotAReport, encode
from api.execution.messages import Effect, End, Mark, Ready, Warm, read_assignment, read_report, run_message
from api.ports import Assignment, Ending

PROGRESS = {"current_iteration": 1, "max_iterations": None, "progress_percent": 0}
ITERATION = {"iteration": 1, "metrics": {"loss": 0.5, "gone": None}}
LOG = {"level": "info", "message": "hello"}


def event(kind: str, **data: Any) -> bytes:
    return encode({"say": "event", "type": kind, "data": data})


def test_events_become_drafts_with_their_attempt() -> None:
    """The supervisor says which attempt it is, not the child."""
    assert Draft(EventType.PROGRESS, {"attempt": 2, **PROGRESS}) == read_report(event("progress", **PROGRESS), 2)
    assert Draft(EventType.ITERATION_COMPLETE, {"attempt": 2, **ITERATION}) == read_report(
        event("iteration_complete", **ITERATION), 2
    )
    assert Draft(EventType.LOG, LOG) == read_report(event("log", **LOG), 2)


def test_the_other_reports() -> None:
    """Ready, effects, and the end as it was sent."""
    end = End(Ending.FAILED, None, "no", "trace")
    assert Ready() == read_report(b'{"say":"ready"}', 1)
    assert Warm() == read_report(b'{"say":"warm"}', 1)
    assert Mark(3) == read_report(b'{"say":"mark","number":3}', 1)
    assert Effect("paused") == read_report(b'{"say":"effect","command":"paused"}', 1)
    assert end == read_report(encode(end.message()), 1)


BAD = [
    {},
    {"say": "hello"},
    {"say": "effect", "command": "cancelled"},
    {"say": "end"},
    {"say": "end", "ending": "completed", "result": None, "error": "", "traceback": None},
    {
        "say": "end",
        "ending": "completed",
        "result": None,
        "error": "",
        "traceback": None,
        "files": 1,
        "saved": True,
        "idle": False,
    },
    {"say": "mark"},
    {"say": "mark", "number": -1},
    {"say": "mark", "number": "1"},
    {"say": "end", "ending": "happy", "result": None, "error": "", "traceback": None},
    {"say": "end", "ending": "completed", "result": [1], "error": "", "traceback": None},
    {"say": "end", "ending": [], "result": None, "error": "", "traceback": None},
    {"say": "event", "type": "status_change", "data": {"status": "completed"}},
    {"say": "event", "type": "error", "data": {"status": "failed", "error": "x"}},
    {"say": "event", "type": [], "data": {}},
    {"say": "event", "type": "log", "data": {"level": "loud", "message": "x"}},
    {"say": "event", "type": "log", "data": {"level": [], "message": "x"}},
    {"say": "event", "type": "log", "data": {"level": "info"}},
    {"say": "event", "type": "log", "data": {**LOG, "extra": 1}},
    {"say": "event", "type": "progress", "data": {**PROGRESS, "progress_percent": 101}},
    {"say": "event", "type": "progress", "data": {**PROGRESS, "current_iteration": -1}},
    {"say": "event", "type": "progress", "data": {**PROGRESS, "current_iteration": True}},
    {"say": "event", "type": "progress", "data": {**PROGRESS, "attempt": 7}},
    {"say": "event", "type": "iteration_complete", "data": {"iteration": 1, "metrics": {"a": "b"}}},
    {"say": "event", "type": "iteration_complete", "data": {**ITERATION, "nonfinite": {"a": "big"}}},
]


@pytest.mark.parametrize("message", BAD, ids=str)
def test_what_the_protocol_does_not_know_is_refused(message: dict[str, Any]) -> None:
    """A child cannot end its own task, forge an attempt, or send a field that nobody expects."""
    with pytest.raises(NotAReport):
        read_report(encode(message), 1)


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_no_json_makes_the_reader_fail_in_another_way(value: Any) -> None:
    """Whatever stands in a field, the answer is a report or `NotAReport`."""
    for message in ({"say": value}, {"say": "event", "type": value, "data": value}, {"say": "end", "ending": value}):
        with suppress(NotAReport):
            read_report(encode(message), 1)


def test_an_event_beyond_the_limit_is_refused() -> None:
    """64 KiB is what one event may carry."""
    with pytest.raises(NotAReport, match="more than 65,536"):
        read_report(event("log", level="info", message="x" * 65_536), 1)


def test_an_assignment_survives_the_way_to_the_child() -> None:
    """All but the time limit, which the supervisor keeps."""
    sent = Assignment(
        task_id="t",
        lease_id="l",
        type="test",
        params={"n": [1, {"ü": None}]},
        attempt=2,
        artifact_dir=Path("/a"),
        result_dir="experiments/r",
        checkpoint_file=Path("/c"),
        input_dirs=(Path("/i"), Path("/j")),
        shared_dir=Path("/s"),
    )
    assert sent == read_assignment(run_message(sent))
    assert replace(sent, shared_dir=None) == read_assignment(run_message(replace(sent, shared_dir=None)))
