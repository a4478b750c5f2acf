"""The view of a task: what its events do to it."""

from __future__ import annotations

from typing import Any

import pytest

from api.cli.view import PACE, TREND, View, after, connected, view_of

Json = dict[str, Any]


def event(event_type: str, data: Json, seq: int = 1, second: float = 0.0) -> Json:
    timestamp = f"2026-01-01T00:00:{second:09.6f}Z"
    return {"task_id": "t", "seq": seq, "event_type": event_type, "data": data, "timestamp": timestamp}


def shown(*events: Json) -> View:
    view = View("t")
    for one in events:
        view = after(view, one)
    return view


RUNNING = event("status_change", {"status": "running", "message": "attempt 1 started", "attempt": 1}, 1, 1)


def progress(current: int, second: float, total: int | None = 20, **more: Any) -> Json:
    percent = 100 * current / total if total else None
    data = {"current_iteration": current, "max_iterations": total, "progress_percent": percent, **more}
    return event("progress", data, current + 1, second)


def test_a_view_begins_with_the_task_as_the_server_gives_it() -> None:
    task = {
        "task_id": "t", "name": "panel", "type": "optimization", "status": "running", "message": "m",
        "progress_percent": 40.0, "current_iteration": 8, "max_iterations": 20, "eta_seconds": 3.0,
        "attempt": 2, "max_attempts": 3, "metrics": {"max_temp": 41.0}, "last_seq": 17,
        "started_at": "2026-01-01T00:00:00Z", "completed_at": None, "result": None, "error": None,
    }  # fmt: skip
    view = view_of(task)
    assert ("panel", "running", 40.0, 8, 20, 3.0) == (
        view.name, view.status, view.percent, view.current, view.total, view.eta_seconds
    )  # fmt: skip
    assert (2, 3, {"max_temp": 41.0}, 17, "") == (
        view.attempt, view.max_attempts, view.metrics, view.last_seq, view.error
    )  # fmt: skip


def test_status_and_attempt_are_taken() -> None:
    view = shown(RUNNING)
    assert ("running", "attempt 1 started", 1, 1) == (view.status, view.message, view.attempt, view.last_seq)


def test_progress_is_taken() -> None:
    view = shown(RUNNING, progress(5, 2, eta_seconds=9.5, message="generation 5"))
    assert (5, 20, 25.0, 9.5, "generation 5") == (
        view.current, view.total, view.percent, view.eta_seconds, view.message
    )  # fmt: skip


def test_elapsed_counts_from_the_start_of_the_work() -> None:
    waiting = event("status_change", {"status": "pending"}, 1, 0)
    assert 0.0 == shown(waiting).elapsed
    assert 4.0 == shown(waiting, RUNNING, progress(1, 5)).elapsed


def test_the_rate_is_that_of_late() -> None:
    slow = [progress(n, float(n)) for n in range(1, 11)]
    assert pytest.approx(1.0) == shown(RUNNING, *slow).rate
    fast = [progress(10 + n, 10 + n / 4) for n in range(1, PACE + 1)]
    assert pytest.approx(4.0) == shown(RUNNING, *slow, *fast).rate


@pytest.mark.parametrize(
    "events", [(), (progress(1, 1),), (progress(1, 1), progress(1, 2)), (progress(1, 1), progress(2, 1))]
)
def test_without_a_pace_there_is_no_rate(events: tuple[Json, ...]) -> None:
    assert shown(RUNNING, *events).rate is None


def test_metrics_keep_their_latest_value_and_their_course() -> None:
    steps = [event("iteration_complete", {"iteration": n, "metrics": {"loss": n, "lr": 0.1}}) for n in range(100)]
    view = shown(*steps)
    assert {"loss": 99, "lr": 0.1} == view.metrics
    assert tuple(float(n) for n in range(100 - TREND, 100)) == view.trends["loss"]


def test_a_metric_that_is_no_number_is_shown_by_name_and_not_drawn() -> None:
    first = event("iteration_complete", {"iteration": 1, "metrics": {"loss": 2.0}})
    second = event("iteration_complete", {"iteration": 2, "metrics": {"loss": None}, "nonfinite": {"loss": "nan"}})
    view = shown(first, second)
    assert ({"loss": "nan"}, {"loss": (2.0,)}) == (view.metrics, view.trends)


def test_completion_keeps_the_result_and_fills_the_bar() -> None:
    result = {"experiment_dir": "experiments/run_1", "final_iteration": 16}
    view = shown(RUNNING, progress(16, 2), event("status_change", {"status": "completed", "result": result}))
    assert (True, 100.0, None, result, 16) == (
        view.ended, view.percent, view.eta_seconds, view.result, view.current
    )  # fmt: skip


def test_a_failure_keeps_reason_and_traceback() -> None:
    view = shown(RUNNING, event("error", {"status": "failed", "error": "boom", "traceback": "Traceback …"}))
    assert ("failed", "boom", "Traceback …") == (view.status, view.error, view.traceback)


def test_an_attempt_that_will_be_tried_again_is_no_end() -> None:
    view = shown(RUNNING, event("status_change", {"status": "pending", "attempt": 1, "error": "worker gone"}))
    assert (False, "pending", "worker gone") == (view.ended, view.status, view.error)


def test_the_connection_changes_nothing_about_the_task() -> None:
    before = shown(RUNNING, progress(5, 2))
    lost = connected(before, "reconnecting", "next try in 2 s")
    assert ("running", 5, "reconnecting") == (lost.status, lost.current, lost.connection)
    assert before == connected(lost, "live", "")


@pytest.mark.parametrize("odd", [{}, {"event_type": "new_kind", "data": {"x": 1}}, {"event_type": "progress"}])
def test_an_event_of_a_newer_server_is_survived(odd: Json) -> None:
    assert "running" == after(shown(RUNNING), odd).status
