"""The thread that tells devices what moves: readers without room, large lists, a journal that is away."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from api.bus.memory import MemoryBus
from api.delivery.devices import feed, pump, teller
from api.delivery.devices.connection import Connection
from api.delivery.devices.feed import Feed
from api.delivery.everything import Everything
from api.domain.device_task import allotted_id
from api.domain.permission import LOCAL, Principal, Role
from api.errors import Unavailable
from api.runtime.threads import ThreadRuntime
from api.services.devices import Devices
from api.services.submit import Submission
from api.store.memory import MemoryStore
from tests.support.waiting import wait_until
from tests.unit.services.world import World

ADA = Principal("ada", Role.OPERATOR)


class Wire:
    """Stands for the Socket.IO server: what it sent by connection, and which connections are full."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self.full: set[str] = set()
        self.encoded = 0

    def packets(self, event: str, messages: list[Any], namespace: str) -> list[Any]:
        self.encoded += 1
        return [(event, message) for message in messages]

    def send_packets(self, packets: list[Any], *, namespace: str, to: str) -> None:
        self.sent[to] += packets

    def outbox(self, sid: str, namespace: str) -> Any:
        return SimpleNamespace(full=sid in self.full)


class Journal(MemoryStore):
    away = False

    def read(self, query: Any) -> Any:
        if self.away:
            raise Unavailable
        return super().read(query)


class Scene:
    def __init__(self) -> None:
        self.runtime = ThreadRuntime()
        self.wire = Wire()
        self.world = World(Journal())
        self.world.publisher._bus = MemoryBus(self.runtime)
        self.everything = Everything(self.world.store, self.world.publisher._bus, self.runtime)
        world = self.world
        devices = Devices(world.store, world.publisher, world.clock, world.submitter, world.reports)
        self.feed = Feed(self.everything, devices, self.wire, self.runtime)
        self.connections: list[Connection] = []

    def join(self, name: str, principal: Principal = LOCAL) -> Connection:
        connection = Connection(name, principal, name, self.wire)
        self.connections.append(connection)
        self.feed.open(connection)
        return connection

    def begin(self, **options: Any) -> str:
        return self.world.submit(kind="away", **options).id

    def report(self, task_id: str, percent: float) -> None:
        self.world.reports.report(LOCAL, task_id, [("progress", {"progress_percent": percent})])

    def end(self, task_id: str) -> None:
        self.world.reports.report(LOCAL, task_id, [("status_change", {"status": "completed"})])

    def heard(self, name: str, event: str, count: int = 1) -> list[Any]:
        def found() -> list[Any]:
            return [message for kind, message in list(self.wire.sent[name]) if kind == event]

        wait_until(lambda: len(found()) >= count, 10, lambda: f"{event}: {self.wire.sent[name]}")
        return found()


def told(scene: Scene, name: str, task_id: str) -> Any:
    """The progress of a task as this connection was told it last."""
    mine = [each for _, each in list(scene.wire.sent[name]) if each.get("id") == allotted_id(task_id)]
    return mine[-1].get("progress") if mine else None


@pytest.fixture
def scene():
    scene = Scene()
    yield scene
    for connection in scene.connections:
        scene.feed.close(connection)
    wait_until(lambda: not scene.everything._audiences)


def test_without_anybody_nothing_is_listened_to(scene) -> None:
    assert not scene.everything._audiences
    first = scene.join("first")
    scene.heard("first", "active_tasks")
    scene.feed.close(first)
    wait_until(lambda: not scene.everything._audiences)
    scene.join("second")
    scene.heard("second", "active_tasks")


def test_what_many_are_told_is_encoded_once(scene) -> None:
    for number in range(120):
        scene.join(f"{number}")
        scene.heard(f"{number}", "active_tasks")
    scene.wire.encoded = 0
    scene.begin()
    for number in range(120):
        scene.heard(f"{number}", "task_created")
    assert 1 == scene.wire.encoded


def test_who_has_no_room_is_told_what_it_missed_once_it_has_some(scene) -> None:
    scene.join("slow")
    scene.join("fast")
    for name in ("slow", "fast"):
        scene.heard(name, "active_tasks")
    known = scene.begin()
    scene.heard("slow", "task_created")
    scene.wire.full.add("slow")
    before = len(scene.wire.sent["slow"])
    short, long = scene.begin(), scene.begin()
    for percent in range(1, 6):
        scene.report(known, percent)
        scene.report(long, percent * 10)
    scene.end(short)
    scene.heard("fast", "task_completed")
    wait_until(lambda: (5.0, 50.0) == (told(scene, "fast", known), told(scene, "fast", long)))
    assert before == len(scene.wire.sent["slow"])
    scene.wire.full.clear()
    scene.heard("slow", "task_created", 3)
    scene.heard("slow", "task_progress")
    caught_up = scene.wire.sent["slow"][before:]
    assert [(known, "task_progress"), (short, "task_created"), (short, "task_completed"), (long, "task_created")] == [
        (task_id, name)
        for name, message in caught_up
        for task_id in (known, short, long)
        if message["id"] == allotted_id(task_id)
    ]
    assert 5.0 == caught_up[0][1]["progress"]
    assert 50.0 == caught_up[3][1]["progress"]


def test_who_misses_too_much_gets_the_list_anew(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "MOST_BEHIND", 5)
    slow = scene.join("slow")
    scene.heard("slow", "active_tasks")
    old = scene.begin()
    scene.heard("slow", "task_created")
    scene.wire.full.add("slow")
    scene.end(old)
    begun = [scene.begin() for _ in range(20)]
    wait_until(lambda: not slow.told)
    scene.wire.full.clear()
    anew = scene.heard("slow", "active_tasks", 2)[1]["tasks"]
    assert begun == [each["task_id"] for each in anew]
    scene.end(begun[0])
    assert {"id": allotted_id(begun[0]), "result": None} in scene.heard("slow", "task_completed")
    assert 1 == len(scene.heard("slow", "task_created"))


def test_a_list_that_is_too_large_for_one_message_goes_on_in_others(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teller, "LIST_BYTES", 2000)
    tasks = [scene.begin(params={"text": "x" * 700}) for _ in range(6)]
    scene.join("late")
    [listed] = scene.heard("late", "active_tasks")
    more = scene.heard("late", "task_created", 4)
    assert tasks[4:] == [each["task_id"] for each in listed["tasks"]]
    assert tasks[:4] == [each["task_id"] for each in more]


def test_the_list_holds_the_newest_and_the_others_come_when_they_move(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "LISTED", 2)
    scene.join("early")
    scene.heard("early", "active_tasks")
    tasks = [scene.begin() for _ in range(4)]
    scene.heard("early", "task_created", 4)
    scene.join("late")
    assert tasks[2:] == [each["task_id"] for each in scene.heard("late", "active_tasks")[0]["tasks"]]
    scene.end(tasks[0])
    scene.report(tasks[1], 30)
    [created] = scene.heard("late", "task_created")
    assert (tasks[1], 30.0) == (created["task_id"], created["progress"])


def test_the_tasks_of_others_are_not_seen(scene) -> None:
    hers = scene.world.submitter.submit(ADA, Submission("away"))[0].id
    scene.begin()
    scene.join("hers", ADA)
    scene.join("all")
    assert [hers] == [each["task_id"] for each in scene.heard("hers", "active_tasks")[0]["tasks"]]
    assert 2 == len(scene.heard("all", "active_tasks")[0]["tasks"])
    scene.begin()
    scene.heard("all", "task_created")
    scene.end(hers)
    scene.heard("hers", "task_completed")
    assert 2 == len(scene.wire.sent["hers"])


def test_a_journal_that_is_away_delays_the_list_and_loses_nothing(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.join("early")
    scene.heard("early", "active_tasks")
    monkeypatch.setattr(feed, "LIST_SECONDS", 0.05)
    scene.world.store.away = True
    scene.join("late")
    task_id = scene.begin()
    assert [] == scene.wire.sent["late"]
    scene.world.store.away = False
    scene.heard("early", "task_created")
    assert [task_id] == [each["task_id"] for each in scene.heard("late", "active_tasks")[0]["tasks"]]
