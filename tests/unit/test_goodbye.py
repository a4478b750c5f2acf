"""What a process that is about to stop does with those who are connected, and with those who come."""

from __future__ import annotations

from typing import Any

import engineio
from prometheus_client import REGISTRY
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from api.goodbye import Door, dismiss

NEW = "/socket.io/?EIO=4&transport=polling"


@Request.application
def inside(request: Request) -> Response:
    return Response("in")


class Session:
    def __init__(self, *, broken: bool = False) -> None:
        self.closed: dict[str, Any] | None = None
        self._broken = broken

    def close(self, **how: Any) -> None:
        if self._broken:
            raise OSError("broken")
        self.closed = how


def failures() -> float:
    return REGISTRY.get_sample_value("runcast_failures_total", {"where": "goodbye"}) or 0.0


def test_a_door_lets_everybody_in_until_it_is_shut() -> None:
    door = Door(inside)
    assert 200 == Client(door).get(NEW).status_code
    door.shut = True
    refused = Client(door).get(NEW)
    assert (503, "application/problem+json", "1") == (
        refused.status_code,
        refused.headers["Content-Type"],
        refused.headers["Retry-After"],
    )
    assert 503 == (refused.json or {})["status"]


def test_a_shut_door_keeps_nobody_who_is_inside_and_no_other_request() -> None:
    door = Door(inside)
    door.shut = True
    for path in (f"{NEW}&sid=abc", "/api/tasks", "/"):
        assert 200 == Client(door).get(path).status_code


def test_everyone_is_dismissed_without_a_packet_that_says_so_and_others_have_their_turn() -> None:
    """One that cannot be closed is counted and keeps nobody else."""
    eio = engineio.Server(async_mode="threading")
    sessions = [Session(broken=number == 5) for number in range(250)]
    eio.sockets = dict(enumerate(sessions))
    before, breaths = failures(), []
    dismiss(eio, lambda: breaths.append(None))
    assert [5] == [number for number, session in enumerate(sessions) if session.closed is None]
    assert all(session.closed["abort"] and not session.closed["wait"] for session in sessions if session.closed)
    assert (before + 1, 2) == (failures(), len(breaths))
