"""What can be expected of a task, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.cli.outlook import ordinal, outlook

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def pending(**more: Any) -> dict[str, Any]:
    return {"status": "pending", "queue_position": 2, "estimated_start_at": None, "expected_seconds": None, **more}


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (pending(estimated_start_at="2026-01-01T12:03:20.000000Z"), "2nd in the queue, starts in about 3 min"),
        (
            pending(estimated_start_at="2026-01-01T12:00:59Z", expected_seconds=7260.0),
            "2nd in the queue, starts in about 59 s, usually takes about 2 h 1 min",
        ),
        (pending(estimated_start_at="2026-01-01T11:59:00Z"), "2nd in the queue, starts in a moment"),
        (pending(expected_seconds=60.0), "2nd in the queue"),
        (pending(queue_position=None, estimated_start_at="2026-01-01T14:00:00Z"), "starts in about 2 h 0 min"),
        (pending(queue_position=None), ""),
        ({"status": "pending"}, ""),
        ({"status": "running", "estimated_end_at": "2026-01-01T12:05:00Z"}, "about 5 min left, by earlier runs"),
        ({"status": "running", "estimated_end_at": "2026-01-01T12:05:00Z", "eta_seconds": 9.0}, ""),
        ({"status": "running", "estimated_end_at": None}, ""),
        ({"status": "paused", "estimated_end_at": "2026-01-01T12:05:00Z"}, ""),
        ({"status": "completed", "queue_position": None}, ""),
    ],
)
def test_it_is_said_what_is_known_and_nothing_else(task: dict[str, Any], words: str) -> None:
    assert outlook(task, NOW) == words


def test_without_the_time_of_the_server_none_is_told() -> None:
    assert outlook(pending(estimated_start_at="2026-01-01T12:03:20Z"), None) == "2nd in the queue"


def test_places_are_read_as_people_say_them() -> None:
    said = [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 113, 1000)]
    assert said == ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "113th", "1000th"]
