"""What devices call their tasks, on every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.domain.device_task import DeviceTask
from api.domain.event import EventType
from api.ports import Store
from tests.contract.tasks import add
from tests.support.stores import START, a_task, say, task_id

LATER = START + timedelta(seconds=1)


def entry(number: int = 1, **changes) -> DeviceTask:
    fields = {"owner": "local", "device": "phone", "client_id": 1, "task_id": task_id(number), "mode": "génère",
              "start_ms": 1_790_000_000_000, "server_task_id": "s-1"}  # fmt: skip
    return DeviceTask(**fields | changes)


def save(store: Store, *entries: DeviceTask) -> None:
    store.write(lambda tx: [tx.save_device_task(each, START) for each in entries])


def of(store: Store, *numbers: int) -> dict[str, DeviceTask]:
    return store.read(lambda tx: tx.device_tasks([task_id(number) for number in numbers]))


def named(store: Store, client_id: int = 1, **whose) -> DeviceTask | None:
    key = {"owner": "local", "device": "phone"} | whose
    return store.read(lambda tx: tx.device_task(key["owner"], key["device"], client_id))


def end(store: Store, number: int) -> None:
    store.write(lambda tx: say(tx, task_id(number), EventType.ERROR, {"status": "failed", "error": "x"}))


def test_it_comes_back_as_it_was_by_name_and_by_task(store: Store) -> None:
    add(store, a_task(1), a_task(2))
    save(store, entry(1, client_id=2**52 - 1))
    assert entry(1, client_id=2**52 - 1) == named(store, 2**52 - 1)
    assert {task_id(1): entry(1, client_id=2**52 - 1)} == of(store, 1, 2)
    assert {} == of(store)


def test_a_name_belongs_to_one_device_of_one_owner(store: Store) -> None:
    add(store, a_task(1), a_task(2), a_task(3))
    others = [entry(2, device="laptop"), entry(3, owner="ada")]
    save(store, entry(1), *others)
    assert [entry(1), *others] == [named(store), named(store, device="laptop"), named(store, owner="ada")]
    assert named(store, 2) is None


def test_a_name_that_is_given_again_means_the_new_task_alone(store: Store) -> None:
    add(store, a_task(1), a_task(2))
    save(store, entry(1))
    save(store, entry(2, mode="again"))
    assert entry(2, mode="again") == named(store)
    assert {task_id(2)} == set(of(store, 1, 2))


def test_more_tasks_than_a_query_takes_are_found(store: Store) -> None:
    numbers = range(1, 151)
    add(store, *map(a_task, numbers))
    save(store, *(entry(number, client_id=number) for number in numbers))
    assert [entry(number, client_id=number) for number in numbers] == [of(store, *numbers)[task_id(n)] for n in numbers]


def test_it_goes_with_its_task(store: Store) -> None:
    add(store, a_task(1), a_task(2))
    save(store, entry(1), entry(2, client_id=2))
    store.write(lambda tx: tx.delete_task(task_id(1)))
    assert {task_id(2)} == set(of(store, 1, 2))
    assert named(store) is None


def test_the_names_of_tasks_that_ended_long_ago_are_forgotten_a_few_at_a_time(store: Store) -> None:
    add(store, *map(a_task, range(1, 5)))
    save(store, *(entry(number, client_id=number) for number in range(1, 5)))
    for number in (1, 2, 3):
        end(store, number)
    assert 0 == store.write(lambda tx: tx.forget_device_tasks(START, limit=2))
    assert [2, 1, 0] == [store.write(lambda tx: tx.forget_device_tasks(LATER, limit=2)) for _ in range(3)]
    assert {task_id(4)} == set(of(store, 1, 2, 3, 4))


def test_what_a_failed_transaction_named_is_not_named(store: Store) -> None:
    add(store, a_task(1))

    def fail(tx) -> None:
        tx.save_device_task(entry(1), START)
        raise LookupError

    with pytest.raises(LookupError):
        store.write(fail)
    assert named(store) is None


def test_a_read_cannot_name(store: Store) -> None:
    add(store, a_task(1))
    with pytest.raises(RuntimeError):
        store.read(lambda tx: tx.save_device_task(replace(entry(1)), START))
