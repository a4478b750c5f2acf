"""The messages of the devices' list, and what of a task's events a list is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from api.delivery.devices.moved import Moved, moved_by
from api.delivery.dialects import devices
from api.domain.device_task import OWN_IDS, DeviceTask, allotted_id
from api.domain.event import Event, EventType
from api.domain.lifecycle import Status
from tests.support.stores import START, a_task, task_id

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
ENTRY = DeviceTask("local", "said:phone", 1, task_id(1), "paint", 1_790_000_000_123, "server-7")


def event(kind: EventType, seq: int = 5, **data: Any) -> Event:
    return Event(task_id(1), seq, kind, data, AT)


def status(name: str, seq: int = 5, **more: Any) -> Event:
    return event(EventType.STATUS_CHANGE, seq, status=name, message=f"it is {name}", attempt=1, **more)


def progress(percent: float, seq: int = 5, **more: Any) -> Event:
    return event(EventType.PROGRESS, seq, progress_percent=percent, **more)


def test_a_task_that_a_device_runs() -> None:
    task = replace(a_task(1, type="external", params={"text": "é"}), status=Status.RUNNING, progress_percent=12.5)
    assert devices.task_object(1, task, ENTRY) == {
        "id": 1, "task_id": task_id(1), "serverTaskId": "server-7", "formData": {"text": "é"}, "mode": "paint",
        "startTime": 1_790_000_000_123, "status": "running", "progress": 12.5,
    }  # fmt: skip


def test_a_task_that_the_server_runs_is_never_taken_for_one_to_execute() -> None:
    task = a_task(1, type="training", params={"epochs": 2})
    waiting = {
        "id": 7, "task_id": task_id(1), "serverTaskId": "", "formData": {"epochs": 2}, "mode": "training",
        "startTime": int(task.created_at.timestamp() * 1000), "status": "pending", "progress": 0.0,
    }  # fmt: skip
    assert waiting == devices.task_object(7, task, None)
    begun = replace(task, status=Status.RUNNING, started_at=START)
    assert int(START.timestamp() * 1000) == devices.task_object(7, begun, None)["startTime"]


@pytest.mark.parametrize(
    ("last", "name", "message"),
    [
        (status("completed", result={"a": 1}), "task_completed", {"id": 3, "result": {"a": 1}}),
        (status("completed"), "task_completed", {"id": 3, "result": None}),
        (status("cancelled"), "task_failed", {"id": 3, "error": "cancelled"}),
        (event(EventType.ERROR, status="failed", error="no luck"), "task_failed", {"id": 3, "error": "no luck"}),
    ],
)
def test_the_ends_of_a_task(last: Event, name: str, message: dict[str, Any]) -> None:
    assert (name, message) == devices.ending(3, last)


@pytest.mark.parametrize("result", [None, {}, {"value": 1}, "done", 7, [1, {"a": None}], False])
def test_a_result_of_any_kind_is_stored_as_an_object_and_told_as_it_was(result: Any) -> None:
    data = devices.completed_data(result)
    assert isinstance(data["result"], dict | None)
    assert result == devices.ending(3, event(EventType.STATUS_CHANGE, **data))[1]["result"]


def test_progress() -> None:
    assert {"id": 3, "progress": 12.5, "message": "half"} == devices.progress(3, 12.5, "half")


# -- ids ------------------------------------------------------------------------------------------------


def test_the_device_that_runs_a_task_has_its_own_id_for_it_and_everybody_else_another() -> None:
    others = [("local", "said:laptop"), ("ada", "said:phone")]
    assert 1 == devices.id_for("local", "said:phone", task_id(1), ENTRY)
    assert {allotted_id(task_id(1))} == {devices.id_for(*who, task_id(1), ENTRY) for who in others}
    assert allotted_id(task_id(2)) == devices.id_for("local", "said:phone", task_id(2), None)


@pytest.mark.parametrize("uuid", ["00000000-0000-4000-8000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"])
def test_an_allotted_id_is_exact_in_javascript_and_none_that_a_device_may_choose(uuid: str) -> None:
    assert OWN_IDS <= allotted_id(uuid) < 2**53


def test_an_allotted_id_follows_from_the_task_alone() -> None:
    assert OWN_IDS + 0xB9ABCDEF01234 == allotted_id("12345678-1234-4567-89ab-9abcdef01234")


# -- what a list is told ----------------------------------------------------------------------------------


def test_the_later_takes_the_place_of_the_earlier_and_what_it_does_not_say_stays() -> None:
    first, more = moved_by("ada", status("running", 1)), moved_by("ada", progress(50, 2))
    paused = moved_by("ada", status("paused", 3))
    both = first.and_then(more)
    assert Moved("ada", 2, begins=True, percent=50, message="it is running") == both
    assert Moved("ada", 3, begins=True, percent=50, message="it is paused") == both.and_then(paused)
    assert Moved("ada", 3, percent=50, message="it is paused") == more.and_then(paused)


def test_what_comes_twice_or_late_changes_nothing() -> None:
    late, early = moved_by("ada", progress(60, 3, message="now")), moved_by("ada", status("running", 1))
    assert late == late.and_then(late)
    assert replace(late, begins=True) == late.and_then(early)


def test_an_end_stays_an_end() -> None:
    end = moved_by("ada", status("completed", 9))
    assert end.end == end.and_then(moved_by("ada", progress(99, 8))).end
    assert end.end == moved_by("ada", progress(99, 8)).and_then(end).end


@pytest.mark.parametrize("kind", [EventType.LOG, EventType.ITERATION_COMPLETE])
def test_log_lines_and_metrics_change_no_list(kind: EventType) -> None:
    assert moved_by("ada", event(kind)) is None
