"""What can be expected of tasks that have not ended, and how rarely the queue is played through for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.domain.estimate import UNKNOWN, Basis, Outlook
from api.domain.event import EventType
from api.domain.forecast import Places
from api.domain.lifecycle import Status
from api.domain.task import Task
from api.domain.workload import Workload
from api.errors import Unavailable
from api.services import forecast
from api.services.forecast import FRESH_SECONDS, QUEUE, Forecasts
from api.store.memory import MemoryStore
from tests.support.stores import START, a_task, say, task_id

NOW = START + timedelta(hours=1)
WORKLOADS = {
    "training": Workload("training", "Training", dict, lambda params, ctx: None),
    "away": Workload("away", "Away", dict, lambda params, ctx: None, external=True),
}


class World:
    """A store, and how often its queue was read; `wait` lets the time pass by which the freshness goes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = MemoryStore()
        self.elapsed = 100.0
        self.plays = 0
        monkeypatch.setattr("api.services.forecast.time.monotonic", lambda: self.elapsed)
        play = forecast.starts

        def counted(*args: Any) -> dict[str, float]:
            self.plays += 1
            return play(*args)

        monkeypatch.setattr("api.services.forecast.starts", counted)
        self.forecasts = Forecasts(self.store, lambda: NOW, WORKLOADS, Places(1))

    def add(self, *tasks: Task) -> None:
        self.store.write(lambda tx: [tx.add_task(task) for task in tasks])

    def earlier(self, *seconds: float, **fields: Any) -> None:
        """Completed tasks that worked for so long."""
        for number, each in enumerate(seconds, 900_000 + self.store.read(lambda tx: tx.count(Status.COMPLETED))):
            done = {"status": Status.COMPLETED, "completed_at": START, "worked_seconds": each}
            self.add(a_task(number, **done | fields))

    def outlook(self, number: int) -> Outlook:
        task = self.store.read(lambda tx: tx.task(task_id(number)))
        assert task is not None
        (found,) = self.forecasts.of([task])
        return found


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def running(number: int, ago: float, **fields: Any) -> Task:
    """A task that began `ago` seconds before NOW and holds a worker."""
    began = {"status": Status.RUNNING, "lease_id": "lease", "attempt": 1, "working_since": in_(-ago)}
    return a_task(number, **began | fields)


def in_(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_nothing_is_made_up_where_there_is_nothing_to_go_by(world: World) -> None:
    world.add(running(1, 5), a_task(2), a_task(3))
    assert [world.outlook(number) for number in (1, 2, 3)] == [UNKNOWN] * 3


def test_a_waiting_task_starts_when_the_one_before_it_ends(world: World) -> None:
    world.earlier(30, 60, 90)
    world.add(running(1, 20), a_task(2), a_task(3))
    assert world.outlook(1) == Outlook(60.0, Basis.TYPE, None, in_(40))
    assert world.outlook(2) == Outlook(60.0, Basis.TYPE, in_(40), in_(100))
    assert world.outlook(3) == Outlook(60.0, Basis.TYPE, in_(100), in_(160))


def test_earlier_tasks_of_the_same_size_are_gone_by_where_there_are_any(world: World) -> None:
    world.earlier(60, size="small")
    world.earlier(600, size="large")
    world.add(running(1, 20, size="small"), a_task(2, size="large"))
    assert world.outlook(1) == Outlook(60.0, Basis.SIZE, None, in_(40))
    assert world.outlook(2) == Outlook(600.0, Basis.SIZE, in_(40), in_(640))


def test_a_task_that_runs_for_longer_than_any_before_has_no_known_end_nor_who_waits_for_it_a_start(
    world: World,
) -> None:
    world.earlier(30, 60)
    world.add(running(1, 61), a_task(2))
    assert world.outlook(1) == UNKNOWN
    assert world.outlook(2) == Outlook(45.0, Basis.TYPE)


def test_the_time_of_a_task_that_waits_again_counts(world: World) -> None:
    world.earlier(60)
    world.add(a_task(1, worked_seconds=45.0), a_task(2))
    assert world.outlook(1) == Outlook(60.0, Basis.TYPE, in_(0), in_(15))
    assert world.outlook(2) == Outlook(60.0, Basis.TYPE, in_(15), in_(75))


def test_a_paused_task_keeps_its_worker_for_nobody_knows_how_long(world: World) -> None:
    world.earlier(60)
    world.add(a_task(1, status=Status.PAUSED, lease_id="lease", worked_seconds=20.0), a_task(2))
    assert world.outlook(1) == Outlook(60.0, Basis.TYPE)
    assert world.outlook(2) == Outlook(60.0, Basis.TYPE)


def progress(attempt: int = 1, eta: float | None = 500.0) -> dict[str, Any]:
    said = {"attempt": attempt, "current_iteration": 1, "max_iterations": 9, "progress_percent": 10.0}
    return said | ({} if eta is None else {"eta_seconds": eta})


def test_what_a_task_says_itself_comes_before_what_others_took(world: World) -> None:
    """It was said at START, which is an hour ago, and it has been paused until 20 s ago."""
    world.earlier(60)
    world.add(running(1, 20), a_task(2))
    world.store.write(lambda tx: say(tx, task_id(1), EventType.PROGRESS, progress()))
    assert world.outlook(1) == Outlook(60.0, Basis.TYPE, None, in_(480))
    assert world.outlook(2).starts_at == in_(480)


@pytest.mark.parametrize("said", [progress(attempt=1), progress(attempt=2, eta=None)])
def test_what_it_said_in_an_earlier_attempt_or_without_a_time_is_nothing_to_go_by(
    world: World, said: dict[str, Any]
) -> None:
    world.earlier(60)
    world.add(running(1, 20, attempt=2))
    world.store.write(lambda tx: say(tx, task_id(1), EventType.PROGRESS, said))
    assert world.outlook(1).ends_at == in_(40)


def test_external_tasks_hold_no_place_and_are_like_those_of_their_name_alone(world: World) -> None:
    world.earlier(60, type="away", size="nightly")
    away = {"type": "away", "lease_id": None}
    world.add(running(1, 20, size="nightly", **away), running(2, 20, size="weekly", **away), running(3, 20, **away))
    world.add(a_task(4))
    assert [world.outlook(n).ends_at for n in (1, 2, 3)] == [in_(40), None, None]
    assert world.outlook(4).starts_at == NOW


def test_whoever_waits_for_its_time_or_for_others_has_a_start_too(world: World) -> None:
    world.earlier(60)
    world.add(a_task(1), a_task(2, waiting_on=(task_id(1),)), a_task(3, due_at=in_(500)))
    assert [world.outlook(n).starts_at for n in (1, 2, 3)] == [NOW, in_(60), in_(500)]


def test_behind_the_first_thousand_no_start_is_known(world: World) -> None:
    world.earlier(1)
    world.add(*(a_task(number) for number in range(QUEUE + 1)))
    assert world.outlook(QUEUE - 1).starts_at == in_(QUEUE - 1)
    assert world.outlook(QUEUE) == Outlook(1.0, Basis.TYPE)
    assert world.plays == 1


def test_the_queue_is_played_once_for_a_crowd_and_anew_soon(world: World) -> None:
    world.earlier(60)
    world.add(a_task(1), a_task(2))
    for _ in range(100):
        assert world.outlook(2).starts_at == in_(60)
    assert world.plays == 1
    world.store.write(lambda tx: tx.delete_task(task_id(1)))
    world.elapsed += FRESH_SECONDS
    assert world.outlook(2).starts_at == NOW
    assert world.plays == 2


def test_a_task_that_has_just_come_is_not_kept_waiting(world: World) -> None:
    world.earlier(60)
    world.add(a_task(1))
    world.outlook(1)
    world.add(a_task(2))
    assert world.outlook(2).starts_at == in_(60)


def test_the_queue_is_not_played_for_those_that_do_not_wait(world: World) -> None:
    world.earlier(60)
    world.add(running(1, 20), a_task(2, status=Status.FAILED))
    assert [world.outlook(number).ends_at for number in (1, 2)] == [in_(40), None]
    assert world.plays == 0


def test_an_outage_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(query: Callable[..., Any]) -> Any:
        raise Unavailable("the disk is gone")

    monkeypatch.setattr(world.store, "read", broken)
    with pytest.raises(Unavailable):
        world.forecasts.of([a_task(1)])
