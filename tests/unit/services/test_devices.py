"""Tasks that devices run themselves: created once, reported by their own device alone."""

from __future__ import annotations

import pytest

from api.domain.device_task import DeviceTask
from api.domain.lifecycle import Command, Status
from api.domain.permission import LOCAL, Principal, Role
from api.domain.workload import Workload
from api.errors import Conflict, Forbidden, NotFound
from api.services.devices import Creation, Devices
from api.services.report import ExternalReports
from api.services.submit import Submitter
from tests.unit.services.world import World

HALF = ("progress", {"progress_percent": 50})
DONE = ("status_change", {"status": "completed", "result": {"a": 1}})


@pytest.fixture
def world() -> World:
    world = World()
    workloads = {"external": Workload("external", "Away", dict, lambda params, ctx: None, external=True)}
    submitter = Submitter(world.store, world.publisher, world.clock, workloads,
                          lambda workload, params, owner, later=(): dict(params), world.wake, world.copied)  # fmt: skip
    reports = ExternalReports(world.store, world.publisher, workloads)
    world.devices = Devices(world.store, world.publisher, world.clock, submitter, reports)
    return world


def create(world, device="phone", number=1, who=LOCAL, **said):
    return world.devices.create(who, device, Creation(number, **{"params": {}, "mode": "paint", "start_ms": 0} | said))


def test_what_a_device_begins_is_a_running_task_of_its_user(world) -> None:
    task = create(world, params={"a": 1}, start_ms=7, server_task_id="s")
    assert ("external", "local", Status.RUNNING, "paint") == (task.type, task.owner, task.status, task.name)
    assert {"a": 1} == task.params
    [(listed, entry)] = world.devices.active(None, limit=10)
    assert (task.id, DeviceTask("local", "phone", 1, task.id, "paint", 7, "s")) == (listed.id, entry)
    assert [task.id] == [bell.task_id for bell in world.bells]


def test_a_device_that_comes_back_and_begins_again_goes_on_with_the_same_task(world) -> None:
    first = create(world)
    rung = len(world.bells)
    assert first.id == create(world, params={"other": 1}, mode="x").id
    assert rung == len(world.bells)


def test_a_number_whose_task_has_ended_stands_for_a_new_one(world) -> None:
    first = create(world)
    world.devices.report(LOCAL, "phone", 1, [DONE])
    second = create(world)
    assert first.id != second.id
    world.devices.report(LOCAL, "phone", 1, [HALF])
    assert 50 == world.task(second.id).progress_percent


def test_a_number_whose_task_is_deleted_stands_for_a_new_one(world) -> None:
    first = create(world)
    world.devices.report(LOCAL, "phone", 1, [DONE])
    world.store.write(lambda tx: tx.delete_task(first.id))
    with pytest.raises(NotFound):
        world.devices.report(LOCAL, "phone", 1, [HALF])
    assert first.id != create(world).id


def test_each_device_of_each_user_counts_for_itself_and_reports_what_is_its_own(world) -> None:
    ada, bob = Principal("ada", Role.OPERATOR), Principal("bob", Role.OPERATOR)
    tasks = [create(world, device, who=who) for who, device in ((ada, "phone"), (ada, "laptop"), (bob, "phone"))]
    assert 3 == len({task.id for task in tasks})
    world.devices.report(ada, "laptop", 1, [HALF])
    assert [0, 50, 0] == [world.task(task.id).progress_percent for task in tasks]
    with pytest.raises(NotFound, match="this device has no task 1"):
        world.devices.report(ada, "watch", 1, [HALF])
    assert {"ada", "bob"} == {task.owner for task, _ in world.devices.active(None, limit=10)}
    assert {"ada"} == {task.owner for task, _ in world.devices.active("ada", limit=10)}


def test_what_has_ended_takes_no_more_reports(world) -> None:
    task = create(world)
    world.controller.control(LOCAL, task.id, Command.CANCEL)
    with pytest.raises(Conflict, match="cancelled"):
        world.devices.report(LOCAL, "phone", 1, [HALF])
    assert [] == world.devices.active(None, limit=10)


def test_a_viewer_begins_nothing(world) -> None:
    with pytest.raises(Forbidden):
        create(world, who=Principal("ada", Role.VIEWER))


def test_the_list_holds_the_newest(world) -> None:
    tasks = [create(world, number=number).id for number in range(5)] + [world.submit().id]
    assert tasks[:1:-1] == [task.id for task, _ in world.devices.active(None, limit=4)]
    assert {tasks[0]} == set(world.devices.named([tasks[0], "none"]))
