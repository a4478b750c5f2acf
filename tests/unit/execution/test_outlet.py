"""What leaves the child, in which order and when."""

from __future__ import annotations

import threading
from typing import Any

from api.domain.event import EventType
from api.execution.outlet import Outlet
from api.execution.progress import Point
from tests.support.waiting import wait_until


class Sent:
    """Collects what an outlet sends; the clock stands still unless it is moved."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.now = 100.0
        self.outlet = Outlet(self.messages.append, clock=lambda: self.now)

    def kinds(self) -> list[str]:
        return [str(message.get("type", message["say"])) for message in self.messages]

    def steps(self) -> list[int]:
        return [message["data"]["current_iteration"] for message in self.messages if message.get("type") == "progress"]


def test_progress_that_waits_goes_out_before_the_event_that_follows_it() -> None:
    """Of a hundred reports the first and the last; then the event."""
    sent = Sent()
    for step in range(1, 101):
        sent.outlet.progress(Point(step, 100))
    sent.outlet.event(EventType.ITERATION_COMPLETE, {"iteration": 1, "metrics": {}})
    assert sent.steps() == [1, 100]
    assert sent.kinds() == ["progress", "progress", "iteration_complete"]


def test_progress_that_waits_goes_out_before_the_end() -> None:
    """The terminal message is no exception, nor is an effect."""
    sent = Sent()
    sent.outlet.progress(Point(1, 9))
    sent.outlet.progress(Point(2, 9))
    sent.outlet.message({"say": "end"})
    assert sent.kinds() == ["progress", "progress", "end"]


def test_the_last_progress_goes_out_though_the_work_is_silent() -> None:
    """By a timer, on a real clock."""
    messages: list[dict[str, Any]] = []
    outlet = Outlet(messages.append)
    outlet.progress(Point(1, 9))
    outlet.progress(Point(2, 9))
    wait_until(lambda: len(messages) == 2, 2)
    outlet.progress(Point(3, 9))
    outlet.progress(Point(4, 9))
    wait_until(lambda: messages[-1]["data"]["current_iteration"] == 4, 2)


def test_each_line_of_a_log_is_an_event() -> None:
    """With its logger where there is one."""
    sent = Sent()
    sent.outlet.log("one\n\x1b[1mtwo\x1b[0m\n\n", "warning", "a.b")
    sent.outlet.log("three", "info")
    assert [message["data"] for message in sent.messages] == [
        {"level": "warning", "message": "one", "logger": "a.b"},
        {"level": "warning", "message": "two", "logger": "a.b"},
        {"level": "info", "message": "three"},
    ]


def test_a_hundred_thousand_reports_are_few_messages() -> None:
    """From several threads at once, and the last of each series is never lost."""
    messages: list[dict[str, Any]] = []
    outlet = Outlet(messages.append)

    def report() -> None:
        for step in range(25_000):
            outlet.progress(Point(step, 25_000))

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    outlet.progress(Point(25_000, 25_000))
    outlet.flush()
    assert messages[-1]["data"]["current_iteration"] == 25_000
    assert len(messages) < 200


def test_a_finaliser_that_logs_in_the_middle_of_a_report_is_no_deadlock() -> None:
    """The collector may run anything anywhere."""
    messages: list[dict[str, Any]] = []
    outlet: Outlet

    def send(message: dict[str, Any]) -> None:
        messages.append(message)
        if len(messages) == 1:
            outlet.log("from a finaliser", "info")

    outlet = Outlet(send)
    thread = threading.Thread(target=outlet.progress, args=(Point(1, 2),), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert [message["type"] for message in messages] == ["progress", "log"]


def test_who_waits_until_all_is_stored_waits_for_the_answer_to_the_own_mark() -> None:
    """Of two, the answer to the second one is the answer to both; what waited is said first."""
    sent = Sent()
    sent.outlet.progress(Point(1, 2))
    sent.outlet.progress(Point(2, 2))
    ready: list[int] = []

    def wait(number: int) -> None:
        sent.outlet.wait_until_stored(lambda: False)
        ready.append(number)

    threads = [threading.Thread(target=wait, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: sent.kinds() == ["progress", "progress", "mark", "mark"])
    assert ready == []
    sent.outlet.stored(2)
    for thread in threads:
        thread.join(10)
    assert [0, 1] == sorted(ready)
    sent.outlet.wait_until_stored(lambda: True)  # given up: it returns without an answer
