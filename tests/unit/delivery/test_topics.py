"""The hub of topics, on a clock and a runtime that the test turns by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from api.delivery.dialects import topics as dialect
from api.delivery.topics.hub import POSTED, Topics
from api.delivery.topics.membership import Membership
from api.delivery.topics.news import told
from api.domain.announcement import ADMINS, Announcement, Severity, Topic, alert, log, notification, stats_update
from api.domain.event import Event, EventType
from api.domain.permission import LOCAL, Principal, Role
from api.errors import InvalidInput, Unavailable
from tests.support.stores import a_task
from tests.unit.delivery.world import ManualRuntime, Parked

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
STAMP = "2026-01-02T03:04:05.678901Z"
ADA, ROOT = Principal("ada", Role.OPERATOR), Principal("root", Role.ADMIN)


class Runtime(ManualRuntime):
    """A period passes when `turn` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[Callable[[], None]] = []
        self.asleep = 0

    def post(self, function, *args):
        self.posted.append(lambda: function(*args))

    def lock(self):
        return contextlib.nullcontext()

    def sleep(self, seconds):
        if self.asleep <= 0:
            raise Parked
        self.asleep -= 1

    def deliver(self) -> None:
        while self.posted:
            self.posted.pop(0)()

    def turn(self) -> None:
        """One period passes for each thread that waits for its end."""
        waiting, self.spawned = self.spawned, []
        for thread in waiting:
            self.spawned.append(thread)
            self.asleep = 1
            self.run_spawned()
            self.asleep = 0
        self.deliver()


class Wire:
    def __init__(self) -> None:
        self.here, self.room = True, True
        self.got: list[dict[str, Any]] = []

    def send(self, message):
        self.got.append(message)

    def pass_on(self, telling):
        self.got.append(telling.message)

    def has_room(self):
        return self.room


class World:
    def __init__(self) -> None:
        self.runtime = Runtime()
        self.topics = Topics(self.runtime, lambda: AT)

    def listener(self, *names: Topic, who: Principal = LOCAL) -> tuple[Wire, Membership]:
        wire = Wire()
        membership = Membership(self.topics, who, lambda: AT, wire)
        for topic in names:
            membership.subscribe(topic)
        wire.got.clear()
        return wire, membership

    def tell(self, *announcements: Announcement) -> None:
        for each in announcements:
            self.topics.announce(each)
        self.runtime.deliver()


def line(number: int, **more: Any) -> Announcement:
    return log("info", str(number), "m", **more)


def said(wire: Wire) -> list[Any]:
    """Of each message its text, or of a batch how many it stands for and the texts of its items."""
    return [
        (each["count"], [item["message"] for item in each["items"]]) if each["type"] == "batch" else each["message"]
        for each in wire.got
    ]


def test_of_a_throttled_topic_the_first_goes_at_once_and_the_rest_of_its_period_together() -> None:
    world = World()
    wire, _ = world.listener(Topic.LOGS)
    world.tell(line(1))
    assert ["1"] == said(wire)
    world.tell(*(line(n) for n in range(2, 15)))
    assert ["1"] == said(wire)
    world.runtime.turn()
    assert (13, [str(n) for n in range(5, 15)]) == said(wire)[-1]
    assert {"type": "batch", "topic": "logs", "timestamp": STAMP}.items() <= wire.got[-1].items()
    world.tell(line(15))
    world.runtime.turn()
    assert "15" == said(wire)[-1]  # one alone is no batch
    world.runtime.turn()  # nothing in this period: the next one goes at once
    world.tell(line(16))
    assert "16" == said(wire)[-1]


def test_what_is_not_to_wait_does_not() -> None:
    world = World()
    wire, _ = world.listener(Topic.LOGS, Topic.ALERTS, Topic.STATS)
    world.tell(line(1), line(2, throttle=False), stats_update({"a": 1}), stats_update({"a": 2}, throttle=False))
    world.tell(*(alert("kind", "title", str(n), Severity.INFO) for n in range(20)))
    assert ["1", "2", *(str(n) for n in range(20))] == [each["message"] for each in wire.got if "message" in each]
    assert [1, 2] == [each["data"]["a"] for each in wire.got if each["type"] == "stats_update"]


def test_what_nobody_listens_to_costs_nothing_and_is_counted() -> None:
    world = World()
    world.tell(line(1))
    assert (1, False, []) == (world.topics.announced[Topic.LOGS], world.topics.wanted(Topic.LOGS), world.runtime.posted)


def test_a_listener_without_room_gets_what_it_missed_as_a_batch_and_others_are_not_held_up() -> None:
    world = World()
    slow, _ = world.listener(Topic.ALERTS)
    quick, _ = world.listener(Topic.ALERTS)
    slow.room = False
    world.tell(*(alert("kind", "t", str(n), Severity.INFO) for n in range(12)))
    world.runtime.turn()
    assert (0, 12) == (len(slow.got), len(quick.got))
    slow.room = True
    world.tell(alert("kind", "t", "12", Severity.INFO))  # not before those that it has missed
    world.runtime.turn()
    assert [(13, [str(n) for n in range(3, 13)])] == said(slow)
    world.tell(alert("kind", "t", "13", Severity.INFO))
    assert "13" == said(slow)[-1]
    assert ["12", "13"] == said(quick)[-2:]


def test_a_flood_is_bounded_where_the_hub_does_not_keep_up_and_still_counted() -> None:
    world = World()
    wire, _ = world.listener(Topic.ALERTS)
    for n in range(POSTED + 50):
        world.topics.announce(alert("kind", "t", str(n), Severity.INFO))
    assert POSTED == len(world.runtime.posted)
    world.runtime.deliver()
    assert (POSTED + 50) == sum(each.get("count", 1) for each in wire.got)


def test_nothing_of_a_topic_comes_before_its_subscription_or_after_its_end() -> None:
    world = World()
    wire, membership = world.listener()
    world.tell(line(0))
    membership.subscribe(Topic.LOGS)
    world.topics.announce(line(1))
    membership.unsubscribe(Topic.LOGS)
    world.runtime.deliver()
    assert ["subscription", "unsubscription"] == [each["type"] for each in wire.got]
    membership.subscribe(Topic.LOGS)
    membership.subscribe(Topic.LOGS)
    world.tell(line(2, throttle=False))
    assert ["2"] == [each["message"] for each in wire.got if each["type"] == "log"]
    membership.leave()
    assert [0] * len(Topic) == [world.topics.listeners(topic) for topic in Topic]


@pytest.mark.parametrize(
    ("announcement", "hears"),
    [
        (alert("k", "everyone", "", Severity.INFO), {"ada", "root", "local"}),
        (alert("k", "ada's", "", Severity.INFO, owner="ada"), {"ada", "root", "local"}),
        (alert("k", "bob's", "", Severity.INFO, owner="bob"), {"root", "local"}),
        (line(1, owner=ADMINS, throttle=False), {"root", "local"}),
        (notification("ada", "t", "b", None), {"ada", "local"}),
        (notification(None, "t", "b", None), {"ada", "root", "local"}),
    ],
)
def test_each_hears_what_may_be_seen(announcement: Announcement, hears: set[str]) -> None:
    world = World()
    wires = {who.user: world.listener(*Topic, who=who)[0] for who in (ADA, ROOT, LOCAL)}
    world.tell(announcement)
    assert hears == {user for user, wire in wires.items() if wire.got}


def test_who_cannot_be_admitted_does_not_listen() -> None:
    world = World()

    def refuse() -> None:
        raise Unavailable

    world.topics.joined[Topic.ALERTS].append(refuse)
    _, membership = world.listener()
    with pytest.raises(Unavailable):
        membership.subscribe(Topic.ALERTS)
    assert not world.topics.wanted(Topic.ALERTS)


def test_what_is_no_json_is_left_out_and_the_next_one_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    class Strict(Wire):
        def pass_on(self, telling):
            self.got.append(telling.text.data)

    wire = Strict()
    membership = Membership(world.topics, LOCAL, lambda: AT, wire)
    membership.subscribe(Topic.ALERTS)
    wire.got.clear()
    world.tell(Announcement(Topic.ALERTS, "alert", {"x": float("nan")}), alert("k", "t", "m", Severity.INFO))
    assert ['"title":"t"' in each for each in wire.got] == [True]


# -- the dialect --------------------------------------------------------------------------------------


def test_what_is_said_beside_the_announcements() -> None:
    assert {
        "type": "connected",
        "client_id": "c",
        "timestamp": STAMP,
        "available_topics": ["stats", "rules", "system", "logs", "alerts", "notifications"],
    } == dialect.connected("c", AT)
    answer = {"type": "subscription", "topic": "logs", "success": True, "timestamp": STAMP}
    assert answer == dialect.subscription(Topic.LOGS, AT)
    assert answer | {"type": "unsubscription"} == dialect.unsubscription(Topic.LOGS, AT)


@pytest.mark.parametrize("wrong", [None, 1, [], "x", {}, {"action": 1}, {"action": "subscribe", "topic": None}])
def test_a_wrong_request_is_told(wrong: object) -> None:
    with pytest.raises(InvalidInput):
        dialect.request_of(wrong)


# -- news ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "types"),
    [
        (EventType.ERROR, {"status": "failed", "error": "no"}, ["notification", "alert"]),
        (EventType.STATUS_CHANGE, {"status": "completed", "message": "done"}, ["notification"]),
        (EventType.STATUS_CHANGE, {"status": "cancelled", "message": ""}, ["notification"]),
        (EventType.STATUS_CHANGE, {"status": "running", "message": "silent", "stalled": True}, ["alert"]),
        (EventType.STATUS_CHANGE, {"status": "running", "message": "again", "stalled": False}, []),
    ],
)
def test_what_an_event_means_to_those_who_do_not_watch_the_task(
    kind: EventType, data: dict[str, Any], types: list[str]
) -> None:
    task = a_task(1, name="the name", owner="ada")
    tellings = told(task, Event(task.id, 3, kind, data, AT))
    assert types == [each.type for each in tellings]
    assert all(each.owner == "ada" and "the name" in each.fields["title"] for each in tellings)
    assert all(each.fields["action_url"] == f"/tasks/{task.id}" for each in tellings)
